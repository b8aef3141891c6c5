"""Holders: who was sent a Sender for which handle."""

import threading

from svcfw.core.handles import FIRST_DYNAMIC
from svcfw.core.receivers.holders import Holders

A, B = FIRST_DYNAMIC, FIRST_DYNAMIC + 1


class Router:
    """Context 7; 1 and 2 are known, what is above is not."""

    own_id = 7

    def _knows(self, context_id: int) -> bool:
        return context_id in (1, 2)


def give(holders: Holders, context_id: int) -> None:
    holders._give(context_id, Router())


def test_a_handle_ends_with_the_last_who_may_write_to_it() -> None:
    holders = Holders()
    for context_id in (1, 2):
        holders.encoded(A)
        give(holders, context_id)
    holders.encoded(B)
    give(holders, 2)
    assert holders.drop(1) == []
    assert holders.drop(2) == [A, B]
    assert holders.drop(2) == []


def test_fixed_and_forgotten_handles_do_not_end() -> None:
    holders = Holders()
    holders.encoded(110)
    holders.encoded(A)
    give(holders, 1)
    holders.forget(A)
    assert holders.drop(1) == []


def test_what_another_thread_encodes_is_not_given() -> None:
    holders = Holders()
    other = threading.Thread(target=holders.encoded, args=(A,))
    other.start()
    other.join()
    holders.encoded(B)
    give(holders, 1)
    assert holders.drop(1) == [B]


def test_a_value_that_could_not_be_encoded_gives_nothing() -> None:
    holders = Holders()
    holders.encoded(A)
    assert holders.take() == [A]
    give(holders, 1)
    assert holders.drop(1) == []


class Routes:
    """1 and 3 are behind one link; 5 and 6 are beside."""

    def link_for(self, context_id: int) -> str | None:
        return {1: 'link', 3: 'link', 2: 'other'}.get(context_id)


def test_who_may_write() -> None:
    holders = Holders()
    holders.encoded(A)
    give(holders, 1)
    may = [each for each in (1, 2, 3, 5, 6) if holders.may_write(A, each, Routes())]
    assert may == [1, 3]
    assert not holders.may_write(B, 1, Routes())


def test_one_beside_speaks_for_no_other() -> None:
    holders = Holders()
    holders._holders[A] = {5}
    assert [each for each in (1, 5, 6) if holders.may_write(A, each, Routes())] == [5]


def test_what_went_up_may_come_from_any_and_what_stays_here_from_none() -> None:
    holders = Holders()
    holders.encoded(A)
    give(holders, 0)
    assert holders.may_write(A, 5, Routes())
    holders.encoded(B)
    give(holders, 7)
    assert not holders.may_write(B, 1, Routes())
