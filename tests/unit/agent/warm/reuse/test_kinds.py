"""Why a process runs no further module: places that travel, so that a controller can say it in words."""

from svcfw.agent.warm import pipe
from svcfw.agent.warm.reuse import kinds


def test_no_reason_is_the_first_place() -> None:
    assert kinds.KINDS[0] == ''
    assert len(set(kinds.KINDS)) == len(kinds.KINDS)
    assert all(kinds.KINDS[1:])


def test_each_place_fits_what_it_travels_in() -> None:
    """RAN has the number of the run in the lower 16 bits, and the place above, in a signed number of 32 bits."""
    value = 0xFFFF | (len(kinds.KINDS) - 1) << 16
    assert pipe.EVENT.unpack(pipe.EVENT.pack(pipe.RAN, 1, value)) == (pipe.RAN, 1, value)
