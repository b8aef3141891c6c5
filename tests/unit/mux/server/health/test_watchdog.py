"""An agent that does not answer is named in the log, and given up in the end; one with a long task is left alone."""

import types
from collections.abc import Callable
from typing import Any

import pytest

from svcfw.mux.server.health.watchdog import ASK_S, GIVEN_UP_S, NAMED_S, Watchdog


class FakeNode:
    """A node that is up; `on_answer` is there while it is asked whether it lives."""

    def __init__(self) -> None:
        self.now = 0.0
        self.router = types.SimpleNamespace(loop=types.SimpleNamespace(clock=lambda: self.now))
        self.context = 'host'
        self.facts: Any = {}
        self.dead: str | None = None
        self.waits = True
        self.on_answer: Callable[[Any], None] | None = None
        self.given_up = ''
        self.below: list[FakeNode] = []

    def all_children(self) -> 'list[FakeNode]':
        return self.below

    def is_asked(self) -> bool:
        return self.waits

    def ask_for_life(self, on_answer: Callable[[Any], None]) -> None:
        assert self.on_answer is None, 'it was asked already'
        self.on_answer = on_answer

    def give_up(self, reason: str) -> None:
        self.given_up = reason

    def answer(self) -> None:
        on_answer, self.on_answer = self.on_answer, None
        assert on_answer is not None
        on_answer(types.SimpleNamespace(is_dead=False))


class Scene:
    def __init__(self) -> None:
        self.node = FakeNode()
        self.watchdog = Watchdog()

    def wait(self, seconds: float) -> None:
        """As the server looks, once a second."""
        for _ in range(int(seconds)):
            self.node.now += 1
            self.watchdog.look([self.node])  # type: ignore[list-item]


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.wait(1)
    return made


def test_a_long_task_of_an_agent_that_answers(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(100):
        scene.wait(ASK_S)
        scene.node.answer()
    assert not caplog.messages
    assert not scene.node.given_up


def test_nobody_is_asked_for_nothing(scene: Scene) -> None:
    scene.node.waits = False
    scene.wait(10 * ASK_S)
    assert scene.node.on_answer is None


def test_one_that_does_not_answer(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.wait(ASK_S + NAMED_S)
    [text] = caplog.messages
    assert text == 'host: its agent has answered nothing for 60 s, and a request waits for it'
    scene.wait(4 * NAMED_S)
    assert len(caplog.messages) == 3, 'more and more rarely'
    scene.wait(GIVEN_UP_S - 5 * NAMED_S)
    assert 'answered nothing for 900 s' in scene.node.given_up


def test_one_that_answers_again(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.wait(ASK_S + NAMED_S)
    scene.node.answer()
    assert caplog.messages[1:] == ['host: its agent answers again']
    scene.wait(ASK_S)
    assert scene.node.on_answer is not None


@pytest.mark.parametrize('state', ['starting', 'dead'])
def test_only_those_that_are_up(scene: Scene, state: str) -> None:
    scene.node.facts = None if state == 'starting' else {}
    scene.node.dead = 'gone' if state == 'dead' else None
    scene.wait(2 * ASK_S)
    assert scene.node.on_answer is None


def test_contexts_of_other_accounts_too(scene: Scene) -> None:
    child = FakeNode()
    scene.node.below.append(child)
    child.router = scene.node.router
    scene.wait(ASK_S + 1)
    assert child.on_answer is not None
