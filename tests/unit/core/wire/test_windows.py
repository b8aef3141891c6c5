import pytest

from svcfw.core.wire import limits
from svcfw.core.wire.errors import WindowError
from svcfw.core.wire.windows import ReceiveWindow, SendWindow


def test_taking_stops_at_the_credit():
    window = SendWindow(10)
    assert window.take(7) == 7
    assert not window.starved
    assert window.take(7) == 3
    assert window.starved
    assert window.take(1) == 0
    window.grant(5)
    assert window.available == 5


@pytest.mark.parametrize('credit', [-1, limits.MAX_WINDOW_BYTES, 1 << 40])
def test_a_grant_that_no_receiver_makes(credit):
    with pytest.raises(WindowError):
        SendWindow(1).grant(credit)


def test_an_overrun_is_an_error():
    window = ReceiveWindow(10)
    window.received(10)
    with pytest.raises(WindowError):
        window.received(1)


def test_a_negative_size_is_an_error():
    with pytest.raises(WindowError):
        ReceiveWindow(10).received(-1)


def test_what_never_came_cannot_be_consumed():
    window = ReceiveWindow(10)
    window.received(3)
    with pytest.raises(ValueError, match='3 had arrived'):
        window.consumed(4)


def test_credit_comes_back_in_halves():
    window = ReceiveWindow(10)
    window.received(9)
    assert window.consumed(4) == 0
    assert window.consumed(1) == 5
    assert window.consumed(4) == 0


def test_the_window_doubles_when_the_sender_waits_for_credit_and_nothing_waits_here():
    window = ReceiveWindow(10, maximum=35)
    window.received(10)
    assert window.consumed(10) == 10
    for size, grant in ((20, 20), (35, 35), (35, 20)):
        window.received(10, starved=True)
        window.received(window._credit)
        assert window.consumed(window._waiting) >= grant
        assert window.size == size


def test_a_slow_reader_gets_no_larger_window():
    window = ReceiveWindow(10, maximum=100)
    window.received(10, starved=True)
    assert window.consumed(5) == 5
    assert window.size == 10
