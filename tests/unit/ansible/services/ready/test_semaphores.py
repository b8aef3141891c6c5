"""Who holds a semaphore, and who waits."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.ansible.services.ready.semaphores import SemaphoreError, Semaphores
from svcfw.service.exposed import NO_REPLY


class Loop:
    def __init__(self) -> None:
        self.late: list[Any] = []

    def call_soon(self, function: Any) -> None:
        function()

    def call_later(self, seconds: float, function: Any) -> None:
        self.late.append(function)


class Request:
    def __init__(self) -> None:
        self.cancelled = False
        self.answers: list[Any] = []

    def reply(self, value: Any) -> None:
        self.answers.append(value)

    fail = reply


class Held:
    """Semaphores as tasks ask for them, without who attests that."""

    def __init__(self) -> None:
        self.service = Semaphores.__new__(Semaphores)
        self.loop = Loop()
        self.service._lock = threading.Lock()
        self.service._semaphores = {}
        self.service.router = SimpleNamespace(loop=self.loop)  # type: ignore[assignment]

    def hold(self, host: str, slots: int = 1, forks: int = 10, obstacle: str | None = None) -> Request | None:
        """The request that waits; None for one that is answered at once."""
        request: Any = Request()
        answer = self.service._hold(request, host, 'work', slots, 5, forks, obstacle)
        return request if answer is NO_REPLY else None


@pytest.fixture
def held() -> Held:
    return Held()


def test_slots_go_in_the_order_of_asking(held: Held) -> None:
    assert held.hold('a', 2) is held.hold('b', 2) is held.hold('a', 2) is None
    third, fourth = held.hold('c', 2), held.hold('d', 2)
    assert third is not None
    assert fourth is not None
    held.service._release('work', 'a')
    assert (third.answers, fourth.answers) == ([None], [])
    held.service._release('work', 'nobody')
    held.service.host_is_out('b')
    assert fourth.answers == [None]


def test_who_has_given_up_is_passed_over(held: Held) -> None:
    held.hold('a')
    gone, next_one = held.hold('b'), held.hold('c')
    assert gone is not None
    assert next_one is not None
    gone.cancelled = True
    held.service._release('work', 'a')
    assert (gone.answers, next_one.answers) == ([], [None])


def test_one_whose_time_is_over_is_answered_once(held: Held) -> None:
    held.hold('a')
    late = held.hold('b')
    assert late is not None
    held.loop.late[0]()
    held.service._release('work', 'a')
    (answer,) = late.answers
    assert 'semaphore work: a holds its slots, and none was released within 5 s' in str(answer)


def test_to_wait_in_vain_is_an_error(held: Held) -> None:
    held.hold('a')
    with pytest.raises(SemaphoreError, match='all 1 forks of the run would wait'):
        held.hold('b', forks=1)
    with pytest.raises(SemaphoreError, match='a holds its slots, and for a reason'):
        held.hold('b', obstacle='for a reason')
    with pytest.raises(SemaphoreError, match='in use with 1 slots, not 2'):
        held.hold('b', slots=2)


def test_a_host_waits_once_whatever_it_sends(held: Held) -> None:
    held.hold('a')
    waiting = held.hold('b')
    assert waiting is not None
    with pytest.raises(SemaphoreError, match='b waits for it already'):
        held.hold('b')
    waiting.cancelled = True
    assert held.hold('b') is not None
