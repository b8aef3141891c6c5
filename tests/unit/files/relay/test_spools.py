"""What passes through a context takes a bounded part of its memory and disk, and goes when nobody wants it."""

import hashlib
import os

import pytest

from svcfw.files.relay import spools as spools_module
from svcfw.files.relay.spools import KEPT_S, Spools, unnamed_file
from svcfw.service.errors import TransferError
from tests.support.loops import StillLoop

MEMORY = 1000


@pytest.fixture
def loop():
    return StillLoop()


@pytest.fixture
def spools(loop, tmp_path, monkeypatch):
    monkeypatch.setattr(spools_module, 'folders', lambda: [str(tmp_path)])
    return Spools(loop, MEMORY)


def content(size):
    data = os.urandom(size)
    return data, hashlib.sha256(data).digest()


def filled(spools, size):
    data, digest = content(size)
    spool, _ = spools.begin(digest, size)
    spool.write(data)
    spool.finish(digest)
    spools.filled(spool)
    return spool


def test_the_first_fills_it_and_the_others_read_it(spools):
    data, digest = content(500)
    spool, is_new = spools.begin(digest, 500)
    assert is_new
    assert spools.begin(digest, 500) == (spool, False)
    one, other = spools.open(digest), spools.open(digest)
    spool.write(data)
    assert one.read(1000) == other.read(1000) == data


def test_nobody_can_open_what_is_on_the_disk(spools, tmp_path):
    filled(spools, 5000)
    assert os.listdir(str(tmp_path)) == []


def test_what_memory_has_no_room_for_goes_to_the_disk(spools):
    first, second, third = (spools.begin(content(400)[1], 400)[0] for _ in range(3))
    assert (first.fd, second.fd) == (None, None)
    assert third.fd is not None
    assert sum(spool.memory_bytes for spool in (first, second, third)) <= MEMORY


def test_what_was_read_from_the_disk_is_kept_for_a_while(spools, loop):
    spool = filled(spools, 5000)
    source = spools.open(spool.digest)
    loop.advance(KEPT_S + 1)
    assert source.read(10)
    source.close()
    source.close()
    loop.advance(KEPT_S - 1)
    later = spools.open(spool.digest)
    loop.advance(2)
    assert later.read(10)
    later.close()
    loop.advance(KEPT_S)
    assert spools.open(spool.digest) is None
    assert spool.fd == -1


def test_what_was_read_from_memory_goes_at_once(spools):
    spool = filled(spools, 500)
    assert spools.open(spool.digest) is None
    assert spool.memory_bytes == 0


def test_what_nobody_takes_any_more_need_not_come(spools):
    data, digest = content(5000)
    spool, _ = spools.begin(digest, 5000)
    one, other = spools.open(digest), spools.open(digest)
    one.close()
    spool.write(data[:10])
    other.close()
    with pytest.raises(TransferError, match='no receiver is left'):
        spool.write(data[10:])
    assert spools.open(digest) is None
    again, is_new = spools.begin(digest, 5000)
    assert is_new
    spools.filled(spool, 'no receiver is left')
    assert spool.fd == -1
    assert spools.begin(digest, 5000) == (again, False)


def test_one_that_breaks_off_is_begun_anew(spools):
    _, digest = content(5000)
    spool, _ = spools.begin(digest, 5000)
    source = spools.open(digest)
    spools.filled(spool, 'the connection was lost')
    assert spools.open(digest) is None
    assert spools.begin(digest, 5000)[1]
    with pytest.raises(TransferError, match='the connection was lost'):
        source.read(1)
    assert spool.fd != -1
    source.close()
    assert spool.fd == -1


def free(monkeypatch, *sizes):
    """Have the disk say that it has so much free, one size after the other."""
    left = list(sizes)

    class Disk:
        f_frsize = 1

        def __init__(self):
            self.f_bavail = left.pop(0) if len(left) > 1 else left[0]

    monkeypatch.setattr(os, 'fstatvfs', lambda fd: Disk())


def test_a_disk_with_too_little_room(spools, monkeypatch):
    free(monkeypatch, 9_999)
    assert spools.begin(content(5000)[1], 5000) is None
    free(monkeypatch, 10_000)
    assert spools.begin(content(5000)[1], 5000) is not None
    # What is on its way counts as if it were there.
    assert spools.begin(content(5000)[1], 5000) is None
    free(monkeypatch, 20_000)
    assert spools.begin(content(5000)[1], 5000) is not None


def test_what_nobody_reads_makes_room(spools, loop, monkeypatch):
    first = filled(spools, 5000)
    loop.advance(1)
    second = filled(spools, 5000)
    free(monkeypatch, 0, 100_000)
    assert spools.begin(content(5000)[1], 5000) is not None
    assert (first.fd, second.fd == -1) == (-1, False)


def test_what_is_read_does_not(spools, monkeypatch):
    spool = filled(spools, 5000)
    source = spools.open(spool.digest)
    free(monkeypatch, 0)
    assert spools.begin(content(5000)[1], 5000) is None
    assert source.read(10)


def test_a_folder_that_cannot_be_written_to(spools, tmp_path, monkeypatch):
    assert unnamed_file(str(tmp_path / 'none')) is None
    monkeypatch.setattr(spools_module, 'folders', lambda: [str(tmp_path / 'none'), str(tmp_path)])
    assert spools.begin(content(5000)[1], 5000) is not None


def test_folders_are_on_a_disk_if_that_can_be(monkeypatch):
    monkeypatch.delenv('TMPDIR', raising=False)
    assert list(spools_module.folders()) == ['/var/tmp', '/tmp']
    monkeypatch.setenv('TMPDIR', '/mine')
    assert list(spools_module.folders()) == ['/mine', '/var/tmp', '/tmp']
