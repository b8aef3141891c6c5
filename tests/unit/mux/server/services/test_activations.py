"""Services are made before the first task that names them."""

from collections.abc import Callable
from typing import Any

import pytest

from svcfw.core.wire.errors import CallError, ChannelError
from svcfw.mux.server.services import activations
from svcfw.mux.server.services.activations import Activations, ServiceError
from tests.support.routers import Served
from tests.support.timing import seconds, wait_until
from tests.unit.mux.server.services.answers import Answer


class Host:
    """In the place of a ServiceHost; `asked` has what all were asked."""

    def __init__(self, name: str, asked: list[tuple[str, Callable[[Any], None]]]) -> None:
        self.dead: str | None = None
        self._name = name
        self._asked = asked

    def make(self, on_reply: Callable[[Any], None]) -> None:
        self._asked.append((self._name, on_reply))


class Place:
    def __init__(self, served: Served) -> None:
        self.served = served
        self.asked: list[tuple[str, Callable[[Any], None]]] = []
        self.hosts: dict[str, Any] = {}
        self.activations = Activations(served.router)
        self.outcomes: list[ServiceError | None] = []

    def require(self, *names: str) -> bool:
        hosts = {name: self.hosts.setdefault(name, Host(name, self.asked)) for name in names}
        return bool(self.served.do(lambda: self.activations.require(hosts, self.outcomes.append)))

    def answer(self, value: Any) -> None:
        """To the oldest question."""
        self.served.do(lambda: self.asked.pop(0)[1](Answer(value)))


@pytest.fixture
def place() -> Any:
    served = Served()
    yield Place(served)
    served.close()


def test_each_is_made_once_and_all_are_waited_for(place: Place) -> None:
    assert not place.require('a.A', 'b.B', 'a.A')
    assert not place.require('a.A')
    assert [name for name, _ in place.asked] == ['a.A', 'b.B']
    place.answer(True)
    assert place.outcomes == [None]
    place.answer(True)
    assert place.outcomes == [None, None]
    assert place.require('a.A', 'b.B')
    assert place.require()


def test_one_that_cannot_be_made_is_tried_again_for_the_next_task(place: Place) -> None:
    for _ in range(2):
        assert not place.require('a.A', 'b.B')
        place.answer(CallError('builtins.ValueError', 'no licence server'))
        (failure,) = place.outcomes
        assert failure is not None
        assert (failure.name, failure.cause) == ('a.A', 'ValueError: no licence server')
        place.answer(CallError('builtins.ValueError', 'the second one is not told'))
        assert len(place.outcomes) == 1
        place.outcomes.clear()
    assert not place.require('a.A')
    place.answer(True)
    assert place.outcomes == [None]


def test_one_that_is_not_found_is_no_error_and_looked_for_again(place: Place) -> None:
    assert not place.require('of_role.A')
    place.answer(False)
    assert place.outcomes == [None]
    assert not place.require('of_role.A')


def test_a_host_that_has_ended_makes_none(place: Place) -> None:
    assert not place.require('a.A')
    place.answer(ChannelError('it has ended'))
    assert not place.require('a.A')
    place.served.do(lambda: place.activations.give_up('a.A'))
    assert place.outcomes == [None, None]
    place.hosts['a.A'].dead = 'it has ended'
    assert place.require('a.A')


def test_one_that_hangs_fails_its_tasks_until_it_is_made(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activations, 'WAIT_S', 0.01)
    assert not place.require('a.A')
    wait_until(lambda: len(place.outcomes) == 1, seconds(10), 'it is late')
    assert not place.require('a.A', 'b.B')
    wait_until(lambda: len(place.outcomes) == 2, seconds(10), 'it is late again')
    assert {failure and failure.name for failure in place.outcomes} <= {'a.A', 'b.B'}
    assert [name for name, _ in place.asked] == ['a.A', 'b.B']
    place.answer(True)
    place.answer(True)
    assert place.require('a.A', 'b.B')
