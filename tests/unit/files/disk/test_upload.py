"""Uploads against a real file system: what was there stays until all has come, and nothing else stays behind."""

import errno
import hashlib
import os
import stat
import sys

import pytest

from svcfw.files.disk import upload as module
from svcfw.files.disk.upload import Upload


def sha256(data):
    return hashlib.sha256(data).digest()


def put(path, data=b'', mode=0o600):
    upload = Upload(str(path), mode)
    upload.write(data)
    upload.close(sha256(data))


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture(autouse=True, params=['unnamed', 'named'])
def no_descriptor_is_left(request, monkeypatch):
    if request.param == 'named':
        monkeypatch.setattr(module, '_unnamed', lambda folder, mode: -1)
    before = len(os.listdir('/proc/self/fd'))
    yield
    assert len(os.listdir('/proc/self/fd')) == before


def test_a_new_file_has_the_mode_under_the_umask_and_an_old_one_its_own(tmp_path):
    before = os.umask(0o27)
    try:
        put(tmp_path / 'new', mode=0o777)
        (tmp_path / 'old').write_bytes(b'longer')
        (tmp_path / 'old').chmod(0o604)
        put(tmp_path / 'old', mode=0o777)
    finally:
        os.umask(before)
    assert (mode(tmp_path / 'new'), mode(tmp_path / 'old')) == (0o750, 0o604)
    assert (tmp_path / 'old').read_bytes() == b''


def test_an_old_file_keeps_its_inode_and_its_links(tmp_path):
    (tmp_path / 'old').write_bytes(b'before, and longer')
    os.link(tmp_path / 'old', tmp_path / 'hard')
    (tmp_path / 'soft').symlink_to('old')
    for content in (b'short', b'much longer than it was before'):
        put(tmp_path / 'soft', content)
        assert (tmp_path / 'hard').read_bytes() == content
    assert (tmp_path / 'soft').is_symlink()
    assert len(list(tmp_path.iterdir())) == 3


def test_nothing_is_seen_of_a_file_on_its_way(tmp_path):
    upload = Upload(f'{tmp_path}/new', 0o600)
    upload.write(b'x')
    names = [path.name for path in tmp_path.iterdir()]
    assert names == [] or all(name.startswith('.svcfw-') for name in names)
    (tmp_path / 'new').write_bytes(b'came before it')
    upload.close(sha256(b'x'))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [('new', b'x')]


def test_a_link_to_nothing_is_followed(tmp_path):
    (tmp_path / 'soft').symlink_to('new')
    put(tmp_path / 'soft', b'content')
    assert (tmp_path / 'new').read_bytes() == b'content'


@pytest.mark.parametrize('end', ['abandon', 'digest'])
def test_what_does_not_arrive_changes_nothing(tmp_path, end):
    (tmp_path / 'old').write_bytes(b'before')
    for name in ('old', 'new'):
        upload = Upload(f'{tmp_path}/{name}', 0o600)
        upload.write(b'x')
        if end == 'abandon':
            upload.abandon()
        else:
            with pytest.raises(ValueError, match='checksum mismatch'):
                upload.close(sha256(b'y'))
        upload.abandon()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [('old', b'before')]


def test_an_upload_that_is_over_leaves_what_others_make(tmp_path):
    upload = Upload(f'{tmp_path}/file', 0o600)
    upload.abandon()
    (tmp_path / 'file').touch()
    upload.abandon()
    finished = Upload(f'{tmp_path}/other', 0o600)
    finished.close(sha256(b''))
    finished.abandon()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_at_the_very_end(tmp_path, monkeypatch):
    (tmp_path / 'old').write_bytes(b'before')

    def full(fd, offset, size):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'posix_fallocate', full)
    with pytest.raises(OSError, match='No space left on device'):
        put(tmp_path / 'old', b'x' * 100)
    assert (tmp_path / 'old').read_bytes() == b'before'


def test_a_file_in_a_folder_where_none_can_be_made(tmp_path, monkeypatch):
    (tmp_path / 'old').write_bytes(b'before')
    real = module.tempfile.TemporaryFile

    def temporary_file(dir, buffering):
        if dir is not None:
            raise PermissionError
        return real(buffering=buffering)

    monkeypatch.setattr(module.tempfile, 'TemporaryFile', temporary_file)
    put(tmp_path / 'old', b'after')
    assert (tmp_path / 'old').read_bytes() == b'after'


def test_a_full_device():
    if sys.platform != 'linux':
        pytest.skip('needs /dev/full')
    upload = Upload('/dev/full', 0o600)
    with pytest.raises(OSError, match='No space left on device'):
        upload.write(b'x')
    upload.abandon()
    assert os.path.exists('/dev/full')


def test_named_pipes_block_nobody(tmp_path):
    os.mkfifo(tmp_path / 'fifo')
    with pytest.raises(OSError, match='No such device or address'):
        Upload(f'{tmp_path}/fifo', 0o600)


@pytest.mark.parametrize('name', ['', 'missing/', '.'])
def test_what_is_no_file(tmp_path, name):
    with pytest.raises(OSError, match='Is a directory'):
        Upload(f'{tmp_path}/{name}', 0o600)
