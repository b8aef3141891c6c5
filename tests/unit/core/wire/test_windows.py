import pytest

from svcfw.core.wire import limits
from svcfw.core.wire.errors import WindowError
from svcfw.core.wire.windows import SendWindow


def test_taking_stops_at_the_credit():
    window = SendWindow(10)
    assert window.take(7) == 7
    assert window.take(7) == 3
    assert window.take(1) == 0
    window.grant(5)
    assert window.available == 5


@pytest.mark.parametrize('credit', [-1, limits.MAX_WINDOW_BYTES, 1 << 40])
def test_a_grant_that_no_receiver_makes(credit):
    with pytest.raises(WindowError):
        SendWindow(1).grant(credit)
