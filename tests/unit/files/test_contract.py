"""What every end of a transfer does: files, memory, contents that still arrive, and the fakes of other tests."""

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from svcfw.files.contract import ContentReader, ContentWriter, or_zeros, zeros
from svcfw.files.disk.file_object import FileObject
from svcfw.files.disk.reader import Content, Reader
from svcfw.files.disk.writer import Writer
from svcfw.files.relay.contents import Kept, Packs, RelayedContents
from svcfw.files.relay.listing import Listing
from svcfw.files.relay.spool import Spool, SpoolReader
from svcfw.files.relay.spools import Spools
from svcfw.files.store.store import Store
from tests.support.contents import FakeReader, FakeWriter
from tests.support.loops import StillLoop

CONTENT = b'begin' * 500 + bytes(3000) + b'end'
SHA256 = hashlib.sha256(CONTENT).digest()


def spooled() -> Spool:
    spool = Spool(SHA256, len(CONTENT))
    spool.write(CONTENT)
    spool.finish(SHA256)
    return spool


def kept(loop: StillLoop) -> Kept:
    store, listing = Store(), Listing()
    store.put(SHA256, CONTENT)
    listing.files[1] = len(CONTENT), SHA256
    spools = Spools(loop, 1 << 20)
    contents = RelayedContents(Packs(spools), spools, store, listing, None, None)
    contents.want([1])
    opened: Kept = contents.open(1)
    return opened


@pytest.fixture
def loop() -> StillLoop:
    return StillLoop()


@pytest.fixture(params=['file', 'memory', 'relayed', 'of a folder', 'fake'])
def reader(request: pytest.FixtureRequest, tmp_path: Path, loop: StillLoop) -> Iterator[ContentReader]:
    (tmp_path / 'file').write_bytes(CONTENT)
    made: dict[str, Callable[[], ContentReader]] = {
        'file': lambda: Reader(str(tmp_path / 'file')),
        'memory': lambda: Content(CONTENT, SHA256, {}),
        'relayed': lambda: SpoolReader(spooled(), lambda: None),
        'of a folder': lambda: kept(loop),
        'fake': lambda: FakeReader(CONTENT),
    }
    with made[request.param]() as opened:
        yield opened


def rest_of(reader: ContentReader, n: int = 100) -> bytes:
    found = b''
    while True:
        part = reader.read(n, 1 << 20)
        if not part:
            assert part == b''
            return found
        found += bytes(part)


def test_it_is_read_in_pieces_up_to_the_end(reader: ContentReader) -> None:
    reader.follow(lambda: None)
    assert (reader.offset, reader.size, reader.failure) == (0, len(CONTENT), None)
    assert rest_of(reader) == CONTENT
    assert reader.offset == reader.size
    reader.check()


def test_it_goes_on_from_where_it_was_skipped_to(reader: ContentReader) -> None:
    reader.skip(7)
    assert rest_of(reader) == CONTENT[7:]


def test_its_digest_is_that_of_what_was_read_and_skipped(reader: ContentReader) -> None:
    if isinstance(reader, Kept):
        pytest.skip('its receiver has the digest from the manifest')
    reader.skip(7)
    rest_of(reader)
    assert reader.digest() == SHA256


def test_it_is_closed_as_often_as_one_likes(reader: ContentReader) -> None:
    reader.close()
    reader.close()


def test_small_ones_are_read_at_once(tmp_path: Path, loop: StillLoop) -> None:
    (tmp_path / 'file').write_bytes(CONTENT)
    for made in (Reader(str(tmp_path / 'file')), Content(CONTENT, SHA256, {}), kept(loop), FakeReader(CONTENT)):
        with made as opened:
            assert opened.whole() == CONTENT


@pytest.fixture(params=['file', 'file object', 'relayed', 'fake'])
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """(a ContentWriter, what has been written so far)"""
    if request.param == 'file':
        writer = Writer(str(tmp_path / 'file'))
        yield writer, lambda: os.pread(writer.fileno(), 1 << 20, 0)
        writer.abandon()
    elif request.param == 'file object':
        file = io.BytesIO()
        yield FileObject(file), file.getvalue
    elif request.param == 'relayed':
        spool = Spool(SHA256, len(CONTENT))
        yield spool, lambda: bytes(spool.content())
    else:
        fake = FakeWriter()
        yield fake, lambda: fake.content


def test_what_is_written_is_there(writer: tuple[ContentWriter, Callable[[], bytes]]) -> None:
    target, written = writer
    target.write(CONTENT[:2500])
    target.write_zeros(3000)
    target.write(memoryview(CONTENT)[5500:])
    assert target.offset == len(CONTENT)
    assert written() == CONTENT


@pytest.mark.parametrize('n', [0, 1, 65, 256 * 1024, 600_000])
def test_zeros(n: int) -> None:
    pieces = list(zeros(n))
    assert b''.join(pieces) == bytes(n)
    assert all(pieces)


@pytest.mark.parametrize('data', [b'', bytes(64), b'\0' * 100 + b'x', b'x' * 100])
def test_what_is_not_worth_it_stays_bytes(data: bytes) -> None:
    assert or_zeros(data) == data


def test_a_run_of_zeros_is_a_number() -> None:
    assert or_zeros(bytes(65)) == 65
