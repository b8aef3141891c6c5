"""What transfers of one context share."""

import hashlib
import os
import resource
import threading
import types

import pytest

from svcfw.files import transfers as module
from svcfw.files.disk.reader import Reader
from svcfw.files.transfers import MAX_PACES, MAX_TALLIES, Transfers
from svcfw.service.errors import TransferError


class Context:
    def __init__(self, context_id):
        self.id = context_id


@pytest.fixture
def transfers():
    return Transfers()


def test_one_pace_for_each_context(transfers):
    first, again, other = (transfers.flow(Context(number)) for number in (1, 1, 2))
    assert first._pace is again._pace
    assert first._pace is not other._pace


def test_paces_of_contexts_that_are_not_used_any_more_go(transfers):
    for number in range(MAX_PACES + 10):
        transfers.flow(Context(number))
    assert len(transfers._paces) == MAX_PACES


def test_a_file_is_hashed_once(transfers, tmp_path, monkeypatch):
    path = tmp_path / 'file'
    path.write_bytes(b'content')
    monkeypatch.setattr('time.time', lambda: os.stat(str(path)).st_ctime + 10)
    with Reader(str(path)) as source:
        assert transfers.known_digest(source) is None
        digest = transfers.digest(source)
        assert digest == hashlib.sha256(b'content').digest() == transfers.known_digest(source)
    path.write_bytes(b'changed')
    with Reader(str(path)) as source:
        assert transfers.digest(source) == hashlib.sha256(b'changed').digest()


def test_who_sends_a_file_alone_hashes_it_on_the_way_and_others_hash_it_once(transfers, tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'content')
    with Reader(str(path)) as first, Reader(str(path)) as second:
        assert transfers.begin_sending(first) is None
        assert transfers.begin_sending(second) == hashlib.sha256(b'content').digest()
        transfers.end_sending(first)
        transfers.end_sending(second)
    assert not transfers._sent


def test_one_that_was_written_to_just_now_may_be_again(transfers, tmp_path, monkeypatch):
    path = tmp_path / 'file'
    path.write_bytes(b'content')
    monkeypatch.setattr('time.time', lambda: os.stat(str(path)).st_ctime + 0.05)
    with Reader(str(path)) as source:
        transfers.digest(source)
        assert transfers.known_digest(source) is None
    # A file system that counts in seconds.
    os.utime(str(path), (1, 1))
    monkeypatch.setattr('time.time', lambda: os.stat(str(path)).st_ctime + 1)
    with Reader(str(path)) as source:
        transfers.digest(source)
        assert transfers.known_digest(source) is None


def test_what_was_given(transfers):
    assert not transfers.was_given(1, b'digest')
    transfers.has_given(1, b'digest')
    assert transfers.was_given(1, b'digest')
    assert not transfers.was_given(2, b'digest')


def test_alone(transfers):
    inside, most = [], []

    def work(key):
        with transfers.alone(key):
            inside.append(key)
            most.append(inside.count(key))
            inside.remove(key)

    threads = [threading.Thread(target=work, args=(number % 2,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert not transfers._under_way


def test_a_tally_is_shared_until_it_is_forgotten(transfers):
    first = transfers.tally('key')
    assert transfers.tally('other').add(5) == 5
    assert first.add(3) == 3
    assert transfers.tally('key').add(4) == 7
    transfers.forget_tally('key')
    transfers.forget_tally('none')
    assert transfers.tally('key').add(1) == 1
    assert first.add(1) == 8  # for those who have it


def test_tallies_that_are_not_used_any_more_go(transfers):
    for number in range(MAX_TALLIES + 10):
        transfers.tally(number)
    assert len(transfers._tallies) == MAX_TALLIES


# --- how many may be under way, whatever contexts a child says that there are


@pytest.fixture
def limits(monkeypatch):
    """Of a router where ids 1000 to 1999 are behind link 1, and so on."""
    monkeypatch.setattr(module.resource, 'getrlimit', lambda which: (1024, 4096))
    return module.Limits(types.SimpleNamespace(link_for=lambda context_id: context_id // 1000))


def begin(limits, first, count):
    return [limits.begin(first + n) for n in range(count)]


def test_of_one_context(limits):
    ends = [begin(limits, 1000, 1)[0] for _ in range(module.MAX_OF_ONE)]
    with pytest.raises(TransferError, match='64 transfers'):
        begin(limits, 1000, 1)
    ends[0]()
    begin(limits, 1000, 1)


def test_invented_descendants_count_together(limits):
    ends = begin(limits, 1000, 256)
    with pytest.raises(TransferError, match='256 transfers'):
        begin(limits, 1900, 1)
    begin(limits, 2000, 256)
    with pytest.raises(TransferError, match='512 transfers are running'):
        begin(limits, 3000, 1)
    for end in ends:
        end()
    begin(limits, 3000, 1)


def test_a_system_without_limit(limits, monkeypatch):
    monkeypatch.setattr(module.resource, 'getrlimit', lambda which: (resource.RLIM_INFINITY, -1))
    begin(limits, 1000, 300)
