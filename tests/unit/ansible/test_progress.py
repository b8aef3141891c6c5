"""What is said of transfers, and what is not."""

from svcfw.ansible.progress import INTERVAL_S, Progress
from tests.support.loops import Clock

MIB = 1024 * 1024


def test_long_transfers_are_told_now_and_then() -> None:
    clock = Clock(100.0)
    said: list[str] = []
    progress = Progress('PUT x', said.append, clock)
    for second in range(1, 13):
        clock.now = 100.0 + second * INTERVAL_S / 5
        progress(second * MIB, 50 * MIB)
    assert said == ['PUT x: 5.0 of 50.0 MiB, 1.0 MiB/s', 'PUT x: 10.0 of 50.0 MiB, 1.0 MiB/s']


def test_what_has_no_size_is_told_without_one() -> None:
    clock = Clock(100.0)
    said: list[str] = []
    progress = Progress('FETCH x', said.append, clock)
    clock.now += INTERVAL_S
    progress(5 * MIB, 0)
    assert said == ['FETCH x: 5.0 MiB, 1.0 MiB/s']
