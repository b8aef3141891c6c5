from typing import Any

import pytest

from svcfw.core.parent.gathering import MAX_SKIPS, MIN_SKIPS, QUICK_S, Gathering


class FakeLoop:
    """Keeps what lingers until the test ends that."""

    def __init__(self) -> None:
        self.busy = 0
        self.now = 0.0
        self.lingering: list[Any] = []

    def clock(self) -> float:
        return self.now

    def linger(self, function: Any) -> bool:
        self.lingering.append(function)
        return True

    def end(self) -> None:
        lingering, self.lingering = self.lingering, []
        for function in lingering:
            function()


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


def gather(loop: FakeLoop, gathering: Gathering, taken_s: float) -> bool:
    """Whether a frame waited for that of another thread, which took so long."""
    loop.busy = 2
    begun = gathering.begins()
    loop.now += taken_s
    loop.busy = 0
    loop.end()
    return begun


def test_one_thread_alone_waits_for_nobody(loop: FakeLoop) -> None:
    loop.busy = 1
    assert not Gathering(loop).begins()
    assert not loop.lingering


def test_the_frames_of_all_that_were_woken_go_together(loop: FakeLoop) -> None:
    gathering = Gathering(loop)
    loop.busy = 3
    assert gathering.begins()
    loop.busy = 2
    assert gathering.begins()
    assert len(loop.lingering) == 1
    loop.busy = 1
    assert not gathering.begins(), 'the last one sends for all'


def test_quick_threads_are_waited_for_each_time(loop: FakeLoop) -> None:
    gathering = Gathering(loop)
    assert all(gather(loop, gathering, QUICK_S) for _ in range(50))


def test_slow_ones_ever_more_rarely(loop: FakeLoop) -> None:
    gathering = Gathering(loop)
    tries = [gather(loop, gathering, 5 * QUICK_S) for _ in range(20 * MAX_SKIPS)]
    assert tries[0]
    assert not any(tries[1 : 1 + 2 * MIN_SKIPS])
    assert 10 < sum(tries) < 30


def test_and_more_often_once_they_are_quick_again(loop: FakeLoop) -> None:
    gathering = Gathering(loop)
    while sum(gather(loop, gathering, 5 * QUICK_S) for _ in range(MAX_SKIPS)) > 1:
        pass
    tries = [gather(loop, gathering, 0.0) for _ in range(2 * MAX_SKIPS)]
    assert all(tries[MAX_SKIPS + 1 :])
