"""What counts as sealed: what the other end has sealed, for whom and as it did, and once."""

import pytest

from svcfw.core.sealed.seal import ITSELF, KEY_BYTES, RELAYED, STRAIGHT, Seal
from svcfw.core.wire.frames import DEAD, Frame

KEY = bytes(range(KEY_BYTES))
CHILD = 7


def frame(payload=b'words', **fields):
    usual = {'dst': CHILD, 'src': 0, 'auth': 0, 'handle': 120, 'reply_to': 5, 'flags': 0}
    return Frame(payload=payload, **dict(usual, **fields))


def sent(seal, made, row=STRAIGHT):
    made.payload = seal.sealed(made, row)
    return made


@pytest.fixture
def ours():
    return Seal(KEY, CHILD)


@pytest.fixture
def theirs():
    return Seal(KEY, CHILD)


@pytest.mark.parametrize('payload', [b'', b'x', bytes(100000)])
def test_what_is_sealed_opens_and_is_as_it_was(ours, theirs, payload):
    for row in (STRAIGHT, RELAYED, STRAIGHT):
        arrived = sent(ours, frame(payload), row)
        assert arrived.payload != payload
        assert theirs.opens(arrived)
        assert arrived.payload == payload


@pytest.mark.parametrize(
    'change', ['dst', 'src', 'auth', 'handle', 'flags', 'payload', 'number', 'tag', 'length', 'key']
)
def test_what_was_changed_does_not(ours, theirs, change):
    arrived = sent(ours, frame())
    was = arrived.payload
    if change in ('dst', 'src', 'auth', 'handle'):
        setattr(arrived, change, getattr(arrived, change) + 1)
    elif change == 'flags':
        arrived.flags = DEAD
    elif change == 'length':
        arrived.payload = was[:30]
    elif change == 'key':
        theirs = Seal(KEY[::-1], CHILD)
    else:
        at = {'payload': 0, 'number': len(b'words') + 3, 'tag': -1}[change]
        data = bytearray(was)
        data[at] ^= 1
        arrived.payload = bytes(data)
    changed = arrived.payload
    assert not theirs.opens(arrived)
    assert arrived.payload == changed


def test_the_top_is_another_one(ours, theirs):
    arrived = sent(ours, frame())
    arrived.dst = 0
    assert not theirs.opens(arrived)


def test_each_bit_counts(ours):
    whole = sent(ours, frame())
    for bit in range(8 * len(whole.payload)):
        data = bytearray(whole.payload)
        data[bit // 8] ^= 1 << bit % 8
        assert not Seal(KEY, CHILD).opens(frame(bytes(data)))
    assert Seal(KEY, CHILD).opens(whole)


def test_it_counts_once(ours, theirs):
    first, second = sent(ours, frame()), sent(ours, frame())
    again = frame(first.payload)
    assert theirs.opens(first)
    assert not theirs.opens(again)
    assert theirs.opens(second)
    assert not theirs.opens(again)


def test_rows_overtake_each_other_and_nothing_within_a_row(ours, theirs):
    relayed, straight, later = sent(ours, frame(), RELAYED), sent(ours, frame()), sent(ours, frame(), RELAYED)
    assert theirs.opens(straight)
    assert theirs.opens(later)
    assert not theirs.opens(relayed)


def test_where_the_answer_goes_may_change(ours, theirs):
    arrived = sent(ours, frame())
    arrived.reply_to = 6
    assert theirs.opens(arrived)


def test_before_it_has_an_id(theirs):
    seal = Seal(KEY)
    first = sent(seal, frame(dst=ITSELF))
    first.dst = CHILD
    assert theirs.opens(first)
    seal.context_id = CHILD
    assert theirs.opens(sent(seal, frame()))
    below = sent(seal, frame(dst=CHILD + 1))
    assert theirs.opens(below)
