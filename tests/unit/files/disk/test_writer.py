"""A file that arrives: nothing is seen of it until it is whole, and what was there before stays until then."""

import hashlib
import os
import stat

import pytest

from svcfw.files.disk.writer import MIN_RESUMED_BYTES, Wanted, Writer
from svcfw.service.errors import TransferError


def sha(data):
    return hashlib.sha256(data).digest()


def write(path, data, **wanted):
    writer = Writer(str(path))
    writer.write(data)
    writer.finish(sha(data), Wanted(**wanted))


def names(folder):
    return sorted(os.listdir(str(folder)))


def mode_of(path):
    return stat.S_IMODE(os.stat(str(path)).st_mode)


def test_a_new_file(tmp_path):
    write(tmp_path / 'file', b'content')
    assert (tmp_path / 'file').read_bytes() == b'content'
    assert names(tmp_path) == ['file']


def test_the_old_one_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'old')
    writer = Writer(str(path))
    writer.write(b'new')
    assert path.read_bytes() == b'old'
    with pytest.raises(TransferError, match='checksum mismatch'):
        writer.finish(sha(b'something else'), Wanted())
    writer.abandon()
    assert path.read_bytes() == b'old'
    assert names(tmp_path) == ['file']


def test_modes(tmp_path):
    path = tmp_path / 'file'
    old = os.umask(0o027)
    try:
        write(path, b'1')
        assert mode_of(path) == 0o640
        write(tmp_path / 'other', b'1', default_mode=0o777)
        assert mode_of(tmp_path / 'other') == 0o750
    finally:
        os.umask(old)
    path.chmod(0o604)
    write(path, b'2')
    assert mode_of(path) == 0o604
    write(path, b'3', mode=0o4711)
    assert mode_of(path) == 0o4711


def test_times_and_what_has_to_survive(tmp_path):
    write(tmp_path / 'file', b'1', mtime_ns=12345678901, atime_ns=9876543210, durable=True)
    status = os.stat(str(tmp_path / 'file'))
    assert (status.st_mtime_ns, status.st_atime_ns) == (12345678901, 9876543210)


def test_owners(tmp_path):
    if os.geteuid():
        pytest.skip('changes owners: needs root')
    path = tmp_path / 'file'
    write(path, b'1', owner='daemon', group='1')
    assert os.stat(str(path)).st_uid == 1
    write(path, b'2')
    assert os.stat(str(path)).st_uid == 1
    writer = Writer(str(path))
    with pytest.raises(TransferError, match='no account or group nobody-at-all'):
        writer.finish(sha(b''), Wanted(owner='nobody-at-all'))
    writer.abandon()


def test_a_link_is_followed(tmp_path):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'link').symlink_to('folder/file')
    write(tmp_path / 'link', b'1')
    assert (tmp_path / 'link').is_symlink()
    assert (tmp_path / 'folder' / 'file').read_bytes() == b'1'


def test_places_that_cannot_be_a_file(tmp_path):
    with pytest.raises(IsADirectoryError):
        Writer(str(tmp_path))
    os.mkfifo(str(tmp_path / 'fifo'))
    with pytest.raises(OSError, match='Invalid argument'):
        Writer(str(tmp_path / 'fifo'))
    with pytest.raises(FileNotFoundError) as error:
        Writer(str(tmp_path / 'no' / 'file'))
    assert error.value.filename == str(tmp_path / 'no' / 'file')


def test_zeros_and_copies(tmp_path):
    (tmp_path / 'old').write_bytes(b'0123456789')
    fd = os.open(str(tmp_path / 'old'), os.O_RDONLY)
    writer = Writer(str(tmp_path / 'file'))
    writer.write(b'a')
    writer.write_zeros(10 << 20)
    writer.copy(fd, 2, 3)
    writer.write(b'z')
    data = b'a' + bytes(10 << 20) + b'234z'
    with pytest.raises(TransferError, match='was modified'):
        writer.copy(fd, 8, 3)
    os.close(fd)
    writer.restart()
    assert writer.offset == 0
    writer.write(data[:1])
    writer.write_zeros(10 << 20)
    writer.write(data[-4:])
    writer.finish(sha(data), Wanted())
    assert (tmp_path / 'file').read_bytes() == data
    assert os.stat(str(tmp_path / 'file')).st_blocks * 512 < 1 << 20


class TestGoingOn:
    def test_what_had_come_is_there_for_the_same_content_only(self, tmp_path):
        first = Writer(str(tmp_path / 'file'), b'version 1')
        data = os.urandom(MIN_RESUMED_BYTES)
        first.write(data)
        first.abandon()
        assert Writer(str(tmp_path / 'file'), b'version 2').offset == 0
        second = Writer(str(tmp_path / 'file'), b'version 1')
        assert second.offset == MIN_RESUMED_BYTES
        second.write(b'rest')
        second.finish(sha(data + b'rest'), Wanted())
        assert (tmp_path / 'file').read_bytes() == data + b'rest'

    def test_little_is_not_kept(self, tmp_path):
        writer = Writer(str(tmp_path / 'file'), b'version 1')
        writer.write(b'little')
        writer.abandon()
        assert names(tmp_path) == []

    def test_nor_what_was_found_to_be_wrong(self, tmp_path):
        writer = Writer(str(tmp_path / 'file'), b'version 1')
        writer.write(bytes(MIN_RESUMED_BYTES))
        with pytest.raises(TransferError):
            writer.finish(sha(b''), Wanted())
        writer.abandon()
        assert names(tmp_path) == []

    def test_two_at_a_time_do_not_meet(self, tmp_path):
        first = Writer(str(tmp_path / 'file'), b'version 1')
        first.write(bytes(MIN_RESUMED_BYTES))
        second = Writer(str(tmp_path / 'file'), b'version 1')
        assert second.offset == 0
        second.write(b'second')
        second.finish(sha(b'second'), Wanted())
        first.finish(sha(bytes(MIN_RESUMED_BYTES)), Wanted())
        assert names(tmp_path) == ['file']

    @pytest.mark.parametrize('kind', ['link', 'fifo', 'hard link', 'folder'])
    def test_what_somebody_else_has_put_there_is_not_gone_on_with(self, tmp_path, kind):
        writer = Writer(str(tmp_path / 'file'), b'version 1')
        writer.write(bytes(MIN_RESUMED_BYTES))
        writer.abandon()
        (partial,) = (tmp_path / name for name in names(tmp_path))
        partial.unlink()
        victim = tmp_path / 'victim'
        victim.write_bytes(b'victim')
        if kind == 'link':
            partial.symlink_to(str(victim))
        elif kind == 'fifo':
            os.mkfifo(str(partial))
        elif kind == 'hard link':
            os.link(str(victim), str(partial))
        else:
            partial.mkdir()
        writer = Writer(str(tmp_path / 'file'), b'version 1')
        assert writer.offset == 0
        writer.write(b'mine')
        writer.finish(sha(b'mine'), Wanted())
        assert victim.read_bytes() == b'victim'
        assert (tmp_path / 'file').read_bytes() == b'mine'


def test_taking_a_content_that_is_here(tmp_path):
    writer = Writer(str(tmp_path / 'file'))
    assert not writer.fill(lambda fd: os.write(fd, b'wrong') and False)
    assert writer.offset == 0
    assert writer.fill(lambda fd: os.write(fd, b'right') == 5)
    writer.finish(sha(b'right'), Wanted())
    assert (tmp_path / 'file').read_bytes() == b'right'


def test_a_name_of_255_bytes(tmp_path):
    write(tmp_path / ('n' * 255), b'1')
    assert names(tmp_path) == ['n' * 255]


@pytest.mark.parametrize('value', [{'mode': '0644'}, {'rights': 1}, {1: 1}, {'durable': 1}])
def test_wishes_that_are_none(value):
    with pytest.raises(TransferError):
        Wanted.decode(value)
