"""Owner, mode and times: in an order in which none undoes another."""

import os
import stat

import pytest

from svcfw.files.disk import metadata

needs_root = pytest.mark.skipif(os.getuid() != 0, reason='needs root')


@pytest.fixture
def file(tmp_path):
    fd = os.open(tmp_path / 'file', os.O_RDWR | os.O_CREAT, 0o640)
    yield fd
    os.close(fd)


def test_what_is_not_given_stays(file):
    before = os.fstat(file)
    metadata.apply(file)
    assert os.fstat(file) == before


@needs_root
def test_a_change_of_owner_does_not_take_set_id_bits_away(file):
    metadata.apply(file, 12, 34, 0o6755, (10**9, 2 * 10**9))
    status = os.fstat(file)
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12, 34, 0o6755)
    assert (status.st_atime_ns, status.st_mtime_ns) == (10**9, 2 * 10**9)


def test_the_umask_is_read():
    before = os.umask(0o037)
    try:
        assert metadata.umask() == 0o037
    finally:
        os.umask(before)
