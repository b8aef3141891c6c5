"""Calls that are passed on and not answered yet."""

import pytest

from svcfw.core.wire.errors import ChannelError
from svcfw.mux.server.services import calls
from svcfw.mux.server.services.calls import OpenCalls


def test_what_is_open_is_known_until_it_is_answered() -> None:
    made = OpenCalls()
    made.add((5, 1000), 'a.B', 'c', 10)
    made.add((5, 1001), 'a.B', 'd', 10)
    made.add((6, 1000), 'a.C', 'e', 10)
    assert (made.are_open('a.B'), made.are_open('a.C'), made.are_open('a')) == (True, True, False)
    made.remove((5, 1000))
    made.remove((5, 1000))
    assert made.drop(6) == {1000: 'a.C.e'}
    assert made.drop(6) == {}
    assert made.take('a.C') == {}
    assert made.take('a.B') == {(5, 1001): 'a.B.d'}
    assert made.take('a.B') == {}
    assert not made.are_open('a.B')


def test_whose_call_it_is_is_known() -> None:
    calls = OpenCalls()
    calls.add((50, 1000), 'a.B', 'add', 1)
    assert (calls.service_of((50, 1000)), calls.service_of((51, 1000))) == ('a.B', None)
    calls.remove((50, 1000))
    assert calls.service_of((50, 1000)) is None


def test_one_module_has_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, 'MAX_OF_ONE', 2)
    made = OpenCalls()
    made.add((5, 1), 'a.B', 'a', 0)
    made.add((5, 2), 'a.B', 'b', 0)
    with pytest.raises(ChannelError, match=r'a\.B\.c: 2 calls of this module'):
        made.add((5, 3), 'a.B', 'c', 0)
    made.add((6, 3), 'a.B', 'c', 0)
    made.remove((5, 1))
    made.add((5, 3), 'a.B', 'c', 0)


def test_one_module_has_a_bounded_number_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, 'MAX_BYTES_OF_ONE', 100)
    made = OpenCalls()
    made.add((5, 1), 'a.B', 'a', 60)
    with pytest.raises(ChannelError, match='with 60 bytes'):
        made.add((5, 2), 'a.B', 'b', 41)
    made.add((5, 2), 'a.B', 'b', 40)
    made.drop(5)
    made.add((5, 3), 'a.B', 'c', 100)


@pytest.mark.parametrize('handle', [0, 1])
def test_no_two_answers_have_one_handle(handle: int) -> None:
    made = OpenCalls()
    made.add((5, 1), 'a.B', 'a', 0)
    with pytest.raises(ChannelError, match='no handle of its own'):
        made.add((5, handle), 'a.B', 'b', 0)


def test_a_run_has_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, 'MAX_OF_ALL', 2)
    made = OpenCalls()
    made.add((5, 1), 'a.B', 'a', 0)
    made.add((6, 1), 'a.B', 'b', 0)
    with pytest.raises(ChannelError, match='under way already'):
        made.add((7, 1), 'a.B', 'c', 0)
