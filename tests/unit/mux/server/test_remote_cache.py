"""What agents are given: each thing once, in a bounded amount, and over the link to their host once."""

import zlib

import pytest

from svcfw.agent import ops
from svcfw.mux.server import remote_cache as module
from svcfw.mux.server.remote_cache import RemoteCache

PART_BYTES = 64 * 1024


def told(request):
    return (request.operation, *request.values())


class Agents:
    """The agent of a login account and one below it, and the link to them; what is told is kept."""

    def __init__(self):
        self.told = []
        self.child_told = []
        self.held_back = None
        self.root = RemoteCache(lambda request: self.told.append(told(request)), self)
        self.child = RemoteCache(lambda request: self.child_told.append(told(request)), self, self.root, lambda: 5)

    def chunk_bytes(self):
        return PART_BYTES

    def when_room(self, callback):
        if self.held_back is None:
            callback()
        else:
            self.held_back.append(callback)


@pytest.fixture
def agents():
    return Agents()


def members(*sizes):
    return [(bytes([number]) * 32, bytes(size)) for number, size in enumerate(sizes)]


def there():
    """A callback of no interest."""


def test_members_are_given_once(agents):
    agents.root.members(members(1, 2))
    agents.root.members(members(1, 2, 3))
    assert [len(batch) for _, batch, _ in agents.told] == [2, 1]


def test_members_travel_packed_together(agents):
    agents.root.members([(b'a' * 32, b'one ' * 100), (b'b' * 32, b'one ' * 50), (b'c' * 32, b'')])
    ((operation, sizes, packed),) = agents.told
    assert operation == ops.MEMBERS
    assert sizes == [(b'a' * 32, 400), (b'b' * 32, 200), (b'c' * 32, 0)]
    assert zlib.decompress(packed) == b'one ' * 150
    assert len(packed) < 30


def test_they_are_packed_once_for_all_hosts(agents):
    module.pack_ahead(members(1000, 2000))
    before = module.packed.cache_info()
    agents.root.members(members(1000, 2000))
    Agents().root.members(members(1000, 2000))
    after = module.packed.cache_info()
    assert (after.misses, after.hits) == (before.misses, before.hits + 2)


def test_many_members_go_in_several_messages(agents):
    agents.root.members(members(*[300_000] * 10))
    assert [len(batch) for _, batch, _ in agents.told] == [4, 4, 2]


def test_too_many_members_are_forgotten_first(agents, monkeypatch):
    monkeypatch.setattr(module, 'MAX_MEMBER_BYTES', 1000)
    agents.root.members(members(600))
    agents.root.members(members(600, 600))
    assert [told[0] for told in agents.told] == [ops.MEMBERS, ops.FORGET, ops.MEMBERS]
    assert len(agents.told[-1][1]) == 2


def test_members_for_two_accounts_cross_the_link_once(agents):
    agents.root.members(members(1, 2))
    agents.child.members(members(1, 2, 3))
    agents.child.members(members(1, 2, 3))
    assert [told[0] for told in agents.told] == [ops.MEMBERS, ops.MEMBERS, ops.PASS]
    assert len(agents.told[1][1]) == 1
    assert agents.told[2][1:3] == (5, ops.MEMBERS)
    assert len(agents.told[2][3]) == 3
    assert agents.child_told == []


def test_contents_for_two_accounts_cross_the_link_once(agents):
    agents.child.content(b'd', b'content', there)
    agents.root.content(b'd', b'content', there)
    agents.child.content(b'd', b'content', there)
    assert agents.told == [(ops.CONTENT, b'd', b'content', True), (ops.PASS, 5, ops.CONTENT, [b'd'])]
    assert agents.child_told == []


@pytest.mark.parametrize('size', [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES])
def test_a_content_goes_in_parts(agents, size):
    agents.root.content(b'd', bytes(range(256)) * (size // 256) + bytes(size % 256), there)
    assert all(len(data) <= PART_BYTES for _, _, data, _ in agents.told)
    assert sum(len(data) for _, _, data, _ in agents.told) == size
    assert [is_last for *_, is_last in agents.told] == [False] * (len(agents.told) - 1) + [True]


def test_those_who_want_what_is_arriving_wait_for_it(agents):
    agents.held_back = []
    done = []
    agents.root.content(b'd', b'content', lambda: done.append(1))
    agents.root.content(b'd', b'content', lambda: done.append(2))
    assert done == []
    agents.held_back.pop()()
    assert done == [1, 2]
    assert (len(agents.told), agents.held_back) == (1, [])


def test_what_was_wanted_least_lately_is_dropped(agents, monkeypatch):
    monkeypatch.setattr(module, 'MAX_CONTENT_BYTES', 2)
    for digest in (b'a', b'b', b'a', b'c', b'b'):
        agents.root.content(digest, b'x', there)
    assert [told[0] if told[0] == ops.CONTENT else told for told in agents.told] == [
        ops.CONTENT, ops.CONTENT, ops.CONTENT, (ops.DROP, [b'b']), ops.CONTENT, (ops.DROP, [b'a']),
    ]  # fmt: skip


def test_what_is_in_doubt_is_given_anew(agents):
    agents.root.content(b'd', b'content', there)
    agents.root.doubt()
    agents.root.doubt()
    agents.root.content(b'd', b'content', there)
    assert [told[0] for told in agents.told] == [ops.CONTENT, ops.DROP, ops.CONTENT]


def test_large_files_are_remembered_by_their_size(agents):
    for number in range(module.MAX_LARGE + 1):
        agents.root.was_put(b'%d' % number, 5 + number % 2)
    agents.root.was_missing(b'2')
    agents.root.was_missing(b'2')
    known = agents.root.large(5)
    assert b'0' not in known
    assert b'2' not in known
    assert len(known) == module.MAX_LARGE // 2 - 1 + 0
