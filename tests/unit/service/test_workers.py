"""Workers: threads that take turns, and end."""

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.core.loop import Loop
from svcfw.service import workers
from svcfw.service.workers import Workers, WorkQueue
from tests.support.routers import LONG


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop(lambda error: None)
    yield loop
    loop.close()


class Gate:
    """A lock; `before`, once set, is called once by the first thread of the pool that comes there when it may."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.before: Callable[[], bool] | None = None

    def __enter__(self) -> None:
        before = self.before
        if before is not None and threading.current_thread().name.startswith('svcfw-pool'):
            self.before = None
            if not before():
                self.before = before
        self._lock.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()


class Work(WorkQueue):
    def __init__(self, function: Callable[[], object]) -> None:
        WorkQueue.__init__(self)
        self.waiting.append(self)
        self._function = function

    def run(self, item: Any) -> None:
        self._function()


def test_an_end_while_a_thread_is_about_to_wait(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not among those who wait, and must not begin to."""
    names = {'Lock': Gate, 'Thread': threading.Thread, 'get_ident': threading.get_ident}
    monkeypatch.setattr(workers, 'threading', SimpleNamespace(**names))
    pool = Workers(loop, 1, print, lambda: False)
    gate: Any = pool.lock

    def end_between_two_works() -> bool:
        if pool._busy:
            return False
        pool.end()
        return True

    def work() -> None:
        gate.before = end_between_two_works

    with pool.lock:
        pool.schedule(Work(work))
    joining = threading.Thread(target=pool.join, daemon=True)
    joining.start()
    joining.join(LONG)
    assert not joining.is_alive()
