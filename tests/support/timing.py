"""The one time unit of the tests: every time-out is a multiple of it; a slow machine scales them all at once."""

import os
import time
from collections.abc import Callable

SCALE = float(os.environ.get('SVCFW_TEST_TIME_SCALE', '1'))


def seconds(count: float) -> float:
    """`count` seconds on an ordinary machine, scaled by SVCFW_TEST_TIME_SCALE. For time-outs, never for sleeping."""
    return count * SCALE


def wait_until(condition: Callable[[], object], timeout_s: float, what: str) -> None:
    """Poll `condition` every 10 ms until it is true; AssertionError naming `what` after `timeout_s` (already scaled).

    For states of other processes that offer nothing to wait on (a port, a pid).
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f'not within {timeout_s:g} s: {what}')
        time.sleep(0.01)
