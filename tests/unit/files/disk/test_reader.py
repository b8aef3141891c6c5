"""A file that is read to be sent: its holes, its metadata, and what happens when somebody writes to it meanwhile."""

import hashlib
import os

import pytest

from svcfw.files.disk.reader import Content, Reader
from svcfw.service.errors import TransferError


def read_all(source, n=100000):
    parts = []
    while True:
        part = source.read(n)
        if not part:
            return parts
        parts.append(part)


def joined(parts):
    return b''.join(bytes(part) if type(part) is int else part for part in parts)


def finish(source):
    read_all(source)
    source.check()


def test_content_and_digest(tmp_path):
    data = os.urandom(300000)
    path = tmp_path / 'file'
    path.write_bytes(data)
    with Reader(str(path)) as source:
        assert joined(read_all(source)) == data
        assert source.digest() == hashlib.sha256(data).digest() == source.whole_digest()
        source.check()


def test_zeros_are_told_and_not_read(tmp_path):
    path = tmp_path / 'file'
    with open(str(path), 'wb') as file:
        file.write(b'head' + bytes(200000))
        file.seek(64 << 20)
        file.write(b'tail')
    with Reader(str(path)) as source:
        parts = read_all(source)
    assert sum(len(part) for part in parts if type(part) is bytes) < 300000
    assert sum(part if type(part) is int else len(part) for part in parts) == (64 << 20) + 4
    with open(str(path), 'rb') as file:
        assert source.digest() == hashlib.sha256(file.read()).digest()


def test_zeros_are_as_many_as_are_asked_for_at_most(tmp_path):
    path = tmp_path / 'file'
    with open(str(path), 'wb') as file:
        file.truncate(1 << 20)
    with Reader(str(path)) as source:
        assert source.read(10, 1000) == 1000


def test_going_on_from_an_offset(tmp_path):
    data = os.urandom(500000)
    path = tmp_path / 'file'
    path.write_bytes(data)
    with Reader(str(path)) as source:
        source.skip(300000)
        assert joined(read_all(source)) == data[300000:]
        assert source.digest() == hashlib.sha256(data).digest()


def test_a_digest_that_is_known_is_not_computed_again(tmp_path):
    data = os.urandom(1000)
    path = tmp_path / 'file'
    path.write_bytes(data + bytes(1000))
    with Reader(str(path)) as source:
        source.trust(b'known')
        source.skip(100)
        assert joined(read_all(source, 900)) == data[100:] + bytes(1000)
        assert source.digest() == b'known'


@pytest.mark.parametrize('changes', ['truncated', 'grown', 'rewritten'])
def test_a_file_that_is_written_to_underway_is_an_error(tmp_path, changes):
    path = tmp_path / 'file'
    path.write_bytes(b'x' * 1000)
    os.utime(str(path), (1, 1))
    with Reader(str(path)) as source:
        source.read(10)
        with open(str(path), 'r+b') as file:
            if changes == 'truncated':
                file.truncate(5)
            elif changes == 'grown':
                file.seek(1000)
                file.write(b'more')
            else:
                file.write(b'y')
        with pytest.raises(TransferError, match='was modified'):
            finish(source)


def test_a_file_that_is_replaced_underway_is_sent_as_it_was(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'old')
    with Reader(str(path)) as source:
        (tmp_path / 'new').write_bytes(b'new!')
        os.rename(str(tmp_path / 'new'), str(path))
        assert joined(read_all(source)) == b'old'
        source.check()


def test_metadata(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'x')
    path.chmod(0o640)
    os.utime(str(path), ns=(10**9 + 1, 2 * 10**9 + 3))
    with Reader(str(path)) as source:
        meta = source.metadata
    assert (meta['size'], meta['mode'], meta['mtime_ns'], meta['atime_ns']) == (1, 0o640, 2 * 10**9 + 3, 10**9 + 1)
    assert meta['owner']
    assert meta['group']


def test_what_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError):
        Reader(str(tmp_path))
    os.mkfifo(str(tmp_path / 'fifo'))
    with pytest.raises(TransferError, match='not a regular file'):
        Reader(str(tmp_path / 'fifo'))
    os.symlink('fifo', str(tmp_path / 'link'))
    with pytest.raises(OSError, match='symbolic links'):
        Reader(str(tmp_path / 'link'), follows=False)


def test_names_of_any_bytes(tmp_path):
    name = os.fsencode(str(tmp_path)) + b'/\xff\n' + b'n' * 250
    with open(name, 'wb') as file:
        file.write(b'x')
    with Reader(name) as source:
        assert Reader(source.path).read(1) == b'x'


def test_a_content_has_the_same_face():
    data = b'abc' + bytes(1000)
    content = Content(data, hashlib.sha256(data).digest(), {})
    assert content.whole() == data
    content.skip(3)
    assert joined(read_all(content, 400)) == bytes(1000)
    assert content.digest() == content.whole_digest()


def test_another_one_of_the_same_open_file(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'0123456789')
    with Reader(str(path)) as source:
        source.trust(b'said')
        source.read(4)
        path.unlink()
        with source.again() as again:
            assert again.read(100) == b'0123456789'
            assert again.digest() == hashlib.sha256(b'0123456789').digest()
            assert (again.token, again.size, again.metadata) == (source.token, source.size, source.metadata)
        assert source.read(100) == b'456789'
