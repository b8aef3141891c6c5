"""Holders: who was sent a Sender for which handle."""

import threading

from svcfw.core.handles import FIRST_DYNAMIC
from svcfw.core.receivers.holders import Holders

A, B = FIRST_DYNAMIC, FIRST_DYNAMIC + 1


def test_a_handle_ends_with_the_last_who_may_write_to_it() -> None:
    holders = Holders()
    for context_id in (1, 2):
        holders.encoded(A)
        holders.give(context_id)
    holders.encoded(B)
    holders.give(2)
    assert holders.drop(1) == []
    assert holders.drop(2) == [A, B]
    assert holders.drop(2) == []


def test_fixed_and_forgotten_handles_do_not_end() -> None:
    holders = Holders()
    holders.encoded(110)
    holders.encoded(A)
    holders.give(1)
    holders.forget(A)
    assert holders.drop(1) == []


def test_what_another_thread_encodes_is_not_given() -> None:
    holders = Holders()
    other = threading.Thread(target=holders.encoded, args=(A,))
    other.start()
    other.join()
    holders.encoded(B)
    holders.give(1)
    assert holders.drop(1) == [B]


def test_a_value_that_could_not_be_encoded_gives_nothing() -> None:
    holders = Holders()
    holders.encoded(A)
    assert holders.take() == [A]
    holders.give(1)
    assert holders.drop(1) == []
