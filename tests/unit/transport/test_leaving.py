"""The end of children's processes: asked for at once, waited for, and shared between the levels."""

from collections.abc import Callable
from typing import Any

import pytest

from svcfw.core.loop import Loop
from svcfw.transport import leaving
from tests.support.timing import seconds


class Router:
    def __init__(self, parent_ids: tuple[int, ...] = ()) -> None:
        self.errors: list[Exception] = []
        self.loop = Loop(self.errors.append)
        self.parent_ids = parent_ids
        self.starters: set[Any] = set()
        self.on_end: list[Callable[[], None]] = []

    def on_shutdown(self, function: Callable[[], None]) -> None:
        self.on_end.append(function)


class Starter:
    """A child's process; it ends in so many seconds after it was told to, None for never."""

    def __init__(self, router: Router, ends_in_s: float | None) -> None:
        self.router = router
        self.ends_in_s = ends_in_s
        self.told: list[float] = []
        router.starters.add(self)

    def leave(self, leave_s: float) -> None:
        self.told.append(leave_s)
        if self.ends_in_s is not None:
            self.router.loop.call_later(self.ends_in_s, lambda: self.router.starters.discard(self))


@pytest.fixture
def router() -> Any:
    made = Router()
    yield made
    made.loop.close()
    assert made.errors == []


def test_all_are_told_and_waited_for(router: Router) -> None:
    children = [Starter(router, 0.0), Starter(router, 0.02)]
    leaving.end_children(router, seconds(10))
    assert router.starters == set()
    assert [child.told for child in children] == [[seconds(10)]] * 2


def test_one_that_never_ends_is_not_waited_for_for_ever(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, '_GONE_S', 0.01)
    child = Starter(router, None)
    leaving.end_children(router, 0.01)
    assert router.starters == {child}


def test_each_level_gives_half_of_what_it_has() -> None:
    router = Router((1, 0))
    child = Starter(router, 0.0)
    leaving.with_context(router, 8.0)
    (end,) = router.on_end
    end()
    assert child.told == [2.0]
    router.on_end[1]()
    assert router.starters == set()
    router.loop.close()
