"""What a receiver is asked of a manifest, and how its answer is checked."""

import pytest

from svcfw.core.wire.errors import ChannelError, DecodeError
from svcfw.files.messages.tree_parts import Asked, from_numbers, numbers
from svcfw.service.errors import TransferError


@pytest.mark.parametrize('values', [[], [0], [1, 2, 3], [2**32 - 1]])
def test_numbers_there_and_back(values):
    assert list(from_numbers(numbers(values))) == values


@pytest.mark.parametrize('packed', [b'x', b'12345', None, [1], 'text'])
def test_what_is_no_list_of_numbers(packed):
    with pytest.raises(DecodeError):
        from_numbers(packed)


@pytest.mark.parametrize('entries', [{1: 'one', 2: 'two', 5: 'five'}, frozenset({1, 2, 5})])
class TestAsked:
    def test_the_numbers_come_in_order_and_once(self, entries):
        asked = Asked(entries)
        asked.on_answer(numbers([5, 1, 5]))
        assert asked.wanted() == [1, 5]

    def test_nothing_may_be_wanted(self, entries):
        asked = Asked(entries)
        asked.on_answer(b'')
        assert asked.wanted() == []

    def test_only_what_was_asked_about_can_be(self, entries):
        asked = Asked(entries)
        asked.on_answer(numbers([1, 3]))
        with pytest.raises(TransferError, match='is not there'):
            asked.wanted()

    def test_an_error_in_the_place_of_an_answer_is_raised(self, entries):
        asked = Asked(entries)
        asked.on_answer(ChannelError('it is gone'))
        with pytest.raises(ChannelError, match='it is gone'):
            asked.wanted()
