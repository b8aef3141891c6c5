"""A file is taken apart and put together again; what a peer may have made up is refused."""

import hashlib
import io
import os
import zlib
from typing import ClassVar

import pytest

from svcfw.core.wire.errors import DecodeError
from svcfw.files.disk.file_object import FileObject
from svcfw.files.disk.reader import LONGEST_HOLE_BYTES, Content, Reader
from svcfw.files.disk.writer import Wanted, Writer
from svcfw.files.messages.file_parts import COPY, DATA, PACKED, ZEROS, FileParts, FilePlace
from svcfw.files.relay.spool import Spool, SpoolReader
from svcfw.files.sending import END, WAIT
from svcfw.service.errors import TransferError
from tests.support.contents import FakeReader, FakeWriter

FAST, SLOW = 10**9, 10**6


def content(data):
    return Content(data, hashlib.sha256(data).digest(), {})


def messages(parts, n=1000, rate=FAST):
    found = []
    while True:
        message = parts.next(n, rate)
        if message is None:
            return found
        found.append(message)


def place(file, size):
    writer = FileObject(file, keeps=True)
    return FilePlace(writer, writer.check, size)


def test_there_and_back():
    data = os.urandom(4500) + bytes(5000) + b'end'
    parts = FileParts(content(data))
    file = io.BytesIO()
    target = place(file, len(data))
    for message in messages(parts):
        target.take(None, *message)
    assert parts.done == target.done == len(data)
    kind, digest, size = parts.end()
    assert kind == END
    assert target.end(digest, size) == hashlib.sha256(data).digest()
    assert file.getvalue() == data


def test_zeros_do_not_travel():
    assert (ZEROS, 1000) in messages(FileParts(content(bytes(3000))))


def test_one_message_is_no_hole_of_any_size(tmp_path):
    """Twenty bytes would make a file of terabytes, which is then hashed."""
    target = FilePlace(Writer(str(tmp_path / 'file')), None, 8 << 40)
    with pytest.raises(TransferError, match='longer than'):
        target.take(None, ZEROS, LONGEST_HOLE_BYTES + 1)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 0
    with open(tmp_path / 'sparse', 'wb') as file:
        file.truncate(2 * LONGEST_HOLE_BYTES + 5)
    with Reader(str(tmp_path / 'sparse')) as source:
        sizes = [size for _, size in messages(FileParts(source, iter([(DATA, 0, source.size)])))]
    assert sizes == [LONGEST_HOLE_BYTES, LONGEST_HOLE_BYTES, 5]


def test_packed_where_the_path_is_slow_and_it_pays():
    text, noise = b'again and again ' * 100, os.urandom(1000)
    assert {kind for kind, _ in messages(FileParts(content(text), packs=True), rate=SLOW)} == {PACKED}
    assert {kind for kind, _ in messages(FileParts(content(text), packs=True), rate=FAST)} == {DATA}
    assert {kind for kind, _ in messages(FileParts(content(text), packs=True), rate=0)} == {DATA}  # not known yet
    assert {kind for kind, _ in messages(FileParts(content(text)), rate=SLOW)} == {DATA}
    assert {kind for kind, _ in messages(FileParts(content(noise), packs=True), rate=SLOW)} == {DATA}


def test_only_the_pieces_that_are_to_be_sent(tmp_path):
    old = os.urandom(5000)
    new = old[:2000] + b'changed' + bytes(300) + old[3000:]
    (tmp_path / 'new').write_bytes(new)
    (tmp_path / 'old').write_bytes(old)
    pieces = [(COPY, 0, 2000), (DATA, 2000, 307), (COPY, 3000, 2000)]
    with Reader(str(tmp_path / 'new')) as source, Reader(str(tmp_path / 'old')) as present:
        parts = FileParts(source, iter(pieces))
        sent = messages(parts, n=100)
        writer = Writer(str(tmp_path / 'copy'))
        target = FilePlace(writer, lambda digest: writer.finish(digest, Wanted()), len(new), present.fileno())
        for message in sent:
            target.take(None, *message)
        target.end(*parts.end()[1:])
    assert (tmp_path / 'copy').read_bytes() == new
    assert sum(len(message[1]) for message in sent if message[0] == DATA) <= 307


@pytest.mark.parametrize(
    'message',
    [
        (DATA, 7),
        (DATA, b'x', b'y'),
        (ZEROS, b'x'),
        (COPY, 1),
        ('nonsense',),
        (END, b''),
    ],
)
def test_what_is_no_part(message):
    with pytest.raises(DecodeError):
        place(io.BytesIO(), 100).take(None, *message)


@pytest.mark.parametrize(
    'message',
    [
        (DATA, bytes(101)),
        (ZEROS, 101),
        (ZEROS, -1),
        (COPY, 0, 101),
        (COPY, 0, 10),
        (COPY, -1, 10),
        (PACKED, zlib.compress(bytes(101))),
        (PACKED, zlib.compress(bytes(1 << 20))[:-5]),
        (PACKED, b'not packed'),
    ],
)
def test_parts_that_do_not_fit(message):
    file = io.BytesIO()
    with pytest.raises(TransferError):
        place(file, 100).take(None, *message)
    assert file.getvalue() == b''


@pytest.mark.parametrize('size', [1 << 40, 1 << 70])
def test_a_message_makes_no_more_than_so_much_memory(size):
    bomb = zlib.compress(bytes(LONGEST_HOLE_BYTES + 1))
    with pytest.raises(TransferError):
        place(io.BytesIO(), size).take(None, PACKED, bomb)


def test_an_end_that_is_none():
    target = place(io.BytesIO(), 3)
    digest = hashlib.sha256(b'abc').digest()
    with pytest.raises(TransferError, match='0 of 3 bytes'):
        target.end(digest, 3)
    target.take(None, DATA, b'abc')
    for wrong in ((digest, 4), (None, 3), (bytes(32), 3)):
        with pytest.raises(TransferError):
            target.end(*wrong)
    assert target.end(digest, 3) == digest


def test_what_has_not_come_yet_is_waited_for():
    data = b'abc'
    spool = Spool(hashlib.sha256(data).digest(), len(data))
    parts = FileParts(SpoolReader(spool, lambda: None))
    parts.begin(Sending)
    Sending.woken.clear()
    assert parts.next(10, FAST) is WAIT
    assert parts.is_starved
    spool.write(data)
    assert Sending.woken == [1]
    assert parts.next(10, FAST) == (DATA, b'abc')
    assert not parts.is_starved
    assert parts.next(10, FAST) is WAIT
    spool.finish(spool.digest)
    assert parts.next(10, FAST) is None
    assert parts.end() == (END, spool.digest, 3)


def test_the_end_closes_and_checks_what_was_read():
    reader = FakeReader(b'abc')
    parts = FileParts(reader)
    assert messages(parts) == [(DATA, b'abc')]
    parts.end()
    parts.close()
    assert (reader.checked, reader.closed) == (1, 1)


def test_what_cannot_be_written_is_told():
    writer = FakeWriter()
    target = FilePlace(writer, lambda digest: None, 6)
    target.take(None, DATA, b'abc')
    writer.error = OSError(28, 'No space left on device')
    with pytest.raises(OSError, match='No space'):
        target.take(None, DATA, b'def')
    assert target.done == 3


class Sending:
    woken: ClassVar = []

    @classmethod
    def wake(cls):
        cls.woken.append(1)
