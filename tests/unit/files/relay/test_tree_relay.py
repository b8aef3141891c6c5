"""A relayed folder becomes the messages of a local one, as far as its contents have come."""

import hashlib

import pytest

from svcfw.core.wire.errors import ChannelError
from svcfw.files.messages.tree_parts import FILE, FILE_END, FILES, MANIFEST, PARTS_AHEAD, numbers
from svcfw.files.messages.tree_source import SMALL_BYTES
from svcfw.files.relay import tree_relay as module
from svcfw.files.relay.listing import Listing
from svcfw.files.relay.tree_relay import RelayedTreeParts
from svcfw.files.sending import ASKED, END, WAIT
from svcfw.files.transfers import Transfers
from svcfw.service.errors import TransferError
from tests.support.contents import FakeReader

LARGE = b'large' * SMALL_BYTES
TARGET = 5


class Contents:
    """In the place of RelayedContents: all is there, unless `arrived` says how much of one."""

    def __init__(self, contents):
        self._contents = contents
        self.wanted = []
        self.arrived = {}
        self.opened = {}
        self.closed = 0

    def want(self, wanted):
        self.wanted += wanted

    def open(self, number):
        assert number in self.wanted
        self.opened[number] = FakeReader(self._contents[number], self.arrived.get(number))
        return self.opened[number]

    def close(self):
        self.closed += 1


class Sending:
    """In the place of svcfw.files.sending.Sending: keeps what is asked; `answer` replies to the oldest question."""

    def __init__(self):
        self.asked = []
        self.woken = 0

    def wake(self):
        self.woken += 1

    def ask(self, message, on_answer):
        self.asked.append((message, on_answer))

    def answer(self, value):
        self.asked.pop(0)[1](value)


class Side:
    """parts: one for each list of contents; numbered through all of them."""

    def __init__(self, *parts, lacks_all=True):
        listing, contents = Listing(), []
        for number, each in enumerate(parts):
            listing.parts.append((b'part %d' % number, list(range(len(contents), len(contents) + len(each)))))
            contents += each
        listing.files = {number: (len(each), digest(each)) for number, each in enumerate(contents)}
        self.contents, self.transfers, self.sending = Contents(contents), Transfers(), Sending()
        self.parts = RelayedTreeParts(listing, self.contents, self.transfers, TARGET, lacks_all)
        self.parts.begin(self.sending)

    def next(self, n=1 << 20):
        return self.parts.next(n, 0)


def digest(content):
    return hashlib.sha256(content).digest()


def small(**contents):
    """The message with these contents, by `nNUMBER`."""
    places = [int(name[1:]) for name in contents]
    return FILES, numbers(places), numbers(map(len, contents.values())), b''.join(contents.values())


def test_a_receiver_that_lacks_all_gets_the_manifest_and_every_content_once():
    side = Side([b'one', b'two', b'one', b''], [b'three'])
    assert [side.next(), side.next()] == [(MANIFEST, b'part 0'), (MANIFEST, b'part 1')]
    assert side.contents.wanted == [0, 1, 3, 4], 'the receiver copies what it gets anyhow'
    assert side.next() == small(n0=b'one', n1=b'two', n3=b'', n4=b'three')
    assert side.next() is None
    assert side.parts.done == 3 * 3 + 5
    assert side.parts.end() == (END,)
    assert side.transfers.was_given(TARGET, digest(b'three'))


def test_a_receiver_that_has_something_is_asked_and_gets_what_it_wants():
    side = Side([b'one', b'two', b'three'], lacks_all=False)
    assert side.next() is ASKED
    assert side.next() is WAIT
    assert side.contents.wanted == []
    assert side.sending.asked[0][0] == (MANIFEST, b'part 0')
    side.sending.answer(numbers([2, 0]))
    assert side.next() == small(n0=b'one', n2=b'three')
    assert side.next() is None
    assert side.parts.done == 11, 'what need not be sent counts, too'


def test_from_the_first_content_on_that_it_may_have_it_is_asked():
    side = Side([b'one'], [b'two'], [b'three'])
    side.transfers.has_given(TARGET, digest(b'two'))
    assert [side.next(), side.next(), side.next()] == [(MANIFEST, b'part 0'), ASKED, ASKED]


@pytest.mark.parametrize(
    ('answer', 'error'), [(ChannelError('it was lost'), 'it was lost'), (numbers([1]), 'a file is wanted that is not')]
)
def test_an_answer_that_is_none_ends_it(answer, error):
    side = Side([b'one'], lacks_all=False)
    side.next()
    side.sending.answer(answer)
    with pytest.raises((ChannelError, TransferError), match=error):
        side.next()


def test_it_asks_only_so_far_ahead():
    side = Side(*[[b'%d' % n] for n in range(PARTS_AHEAD + 1)], lacks_all=False)
    assert [side.next() for _ in range(PARTS_AHEAD + 1)] == [ASKED] * PARTS_AHEAD + [WAIT]
    side.sending.answer(b'')
    assert side.next() is ASKED


def test_no_more_is_announced_while_much_waits(monkeypatch):
    monkeypatch.setattr(module, 'MAX_WANTED', 1)
    side = Side([b'one'], [b'two'])
    assert side.next() == (MANIFEST, b'part 0')
    assert side.next() == small(n0=b'one')
    assert side.next() == (MANIFEST, b'part 1')


def test_a_large_one_comes_by_itself():
    side = Side([b'one', LARGE, b'two'])
    side.next()
    assert side.next() == small(n0=b'one')
    assert side.next() == (FILE, 1)
    assert side.next(5) == ('data', b'large')
    assert side.parts.done == 3 + 5
    assert side.next() == ('data', LARGE[5:])
    assert side.next() == (FILE_END,)
    assert side.contents.opened[1].closed == 1
    assert side.next() == small(n2=b'two')
    assert side.parts.done == 3 + len(LARGE) + 3


def test_a_message_is_not_much_larger_than_it_may_be():
    side = Side([b'x' * 100, b'y' * 100, b'z' * 100])
    side.next()
    assert side.next(150) == small(n0=b'x' * 100, n1=b'y' * 100)
    assert side.next(150) == small(n2=b'z' * 100)


def test_what_has_not_come_is_waited_for_and_what_has_is_sent():
    side = Side([b'one', b'two', LARGE])
    side.contents.arrived = {1: 1, 2: 0}
    side.next()
    assert side.next() == small(n0=b'one')
    assert (side.next(), side.parts.is_starved) == (WAIT, True)
    side.contents.opened[1].arrive(3)
    assert side.next() == small(n1=b'two')
    assert side.next() == (FILE, 2)
    assert (side.next(), side.parts.is_starved) == (WAIT, True)
    side.contents.opened[2].arrive(len(LARGE))
    assert side.sending.woken == 1
    assert side.next() == ('data', LARGE)
    assert not side.parts.is_starved


def test_its_end_closes_what_is_open():
    side = Side([b'one'])
    side.contents.arrived = {0: 1}
    side.next()
    side.next()
    side.parts.close()
    assert (side.contents.opened[0].closed, side.contents.closed) == (1, 1)
