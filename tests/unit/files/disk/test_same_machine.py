"""Files that both ends can reach: what is copied without being sent, and what is not taken for it."""

import errno
import os
import sys
from pathlib import Path

import pytest

from svcfw.files.disk import same_machine
from svcfw.files.disk.reader import Content, Reader

pytestmark = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='it is for Linux')
MIB = 1024 * 1024


@pytest.fixture
def source(tmp_path: Path):
    path = tmp_path / 'source'
    path.write_bytes(os.urandom(MIB) + bytes(4 * MIB) + b'the end')
    with Reader(str(path)) as opened:
        yield opened


@pytest.fixture
def out(tmp_path: Path):
    fd = os.open(str(tmp_path / 'out'), os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def content(fd: int) -> bytes:
    return os.pread(fd, 10 * MIB, 0)


def test_it_is_copied_whole(source, out):
    assert same_machine.copy(same_machine.named(source), out)
    assert content(out) == Path(source.path).read_bytes()


@pytest.mark.parametrize('ends_in_hole', [False, True])
def test_holes_stay_holes(tmp_path, out, ends_in_hole):
    path = tmp_path / 'sparse'
    with open(str(path), 'wb') as file:
        file.write(b'begin' * 1000)
        file.seek(64 * MIB)
        file.write(b'middle')
        file.truncate(128 * MIB if ends_in_hole else 64 * MIB + 6)
    with Reader(str(path)) as source:
        assert same_machine.copy(same_machine.named(source), out)
    status = os.fstat(out)
    assert status.st_size == os.stat(str(path)).st_size
    assert status.st_blocks * 512 < MIB
    assert (os.pread(out, 5, 0), os.pread(out, 6, 64 * MIB)) == (b'begin', b'middle')


def test_an_empty_one(tmp_path, out):
    (tmp_path / 'empty').write_bytes(b'')
    with Reader(str(tmp_path / 'empty')) as source:
        assert same_machine.copy(same_machine.named(source), out)
    assert content(out) == b''


def test_what_is_no_file_has_no_name():
    assert same_machine.named(Content(b'x', b'digest', {})) is None


@pytest.mark.parametrize('what', ['boot', 'content', 'replaced', 'gone', 'a folder', 'a pipe', 'closed'])
def test_what_is_another_one_is_not_copied(source, out, monkeypatch, what):
    name = same_machine.named(source)
    path = Path(source.path)
    if what == 'boot':
        name = (*name[:2], b'another machine')
    elif what == 'content':
        with open(source.path, 'r+b') as file:
            file.write(b'other')
    else:
        path.unlink()
        if what == 'replaced':
            path.write_bytes(os.urandom(source.size))
        elif what == 'a folder':
            path.mkdir()
        elif what == 'a pipe':
            os.mkfifo(source.path)
        elif what == 'closed':
            monkeypatch.setattr(same_machine.os, 'open', refused)
    assert not same_machine.copy(name, out)


def refused(*args):
    raise PermissionError(13, 'Permission denied')


@pytest.mark.parametrize('change', ['written', 'shorter'])
def test_what_changes_meanwhile_does_not_count(source, out, monkeypatch, change):
    send = os.sendfile

    def sendfile(*args):
        if change == 'written':
            with open(source.path, 'ab') as file:
                file.write(b'more')
        else:
            os.truncate(source.path, 10)
        return send(*args)

    monkeypatch.setattr(same_machine.os, 'sendfile', sendfile)
    assert not same_machine.copy(same_machine.named(source), out)


@pytest.mark.parametrize('ends_in_hole', [False, True])
def test_a_file_system_that_tells_of_no_holes(source, out, monkeypatch, ends_in_hole):
    seek = os.lseek

    def lseek(fd, offset, how):
        if how in (os.SEEK_DATA, os.SEEK_HOLE):
            raise OSError(errno.EINVAL, 'Invalid argument')
        return seek(fd, offset, how)

    if ends_in_hole:
        os.truncate(source.path, 8 * MIB)
        source = Reader(source.path)
    monkeypatch.setattr(same_machine.os, 'lseek', lseek)
    with source:
        assert same_machine.copy(same_machine.named(source), out)
        assert content(out) == Path(source.path).read_bytes()


@pytest.mark.parametrize('number', [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOSPC])
def test_what_the_kernel_cannot_copy_is_sent(source, out, monkeypatch, number):
    def sendfile(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(same_machine.os, 'sendfile', sendfile)
    if number == errno.ENOSPC:
        with pytest.raises(OSError, match='No space'):
            same_machine.copy(same_machine.named(source), out)
    else:
        assert not same_machine.copy(same_machine.named(source), out)


def test_elsewhere_nothing_has_a_name(source, monkeypatch, tmp_path):
    monkeypatch.setattr(same_machine, '_BOOT_ID', str(tmp_path / 'none'))
    assert same_machine.named(source) is None
