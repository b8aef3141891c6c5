"""A context whose link somebody has taken ends soon after the controller that it was started by has gone."""

import hashlib
import os
import sys
import time
from collections.abc import Iterator

import pytest

from svcfw.agent import agent, requests
from svcfw.core import handles
from svcfw.core.context import Context
from svcfw.program.router import Router
from tests.support.timing import seconds

SILENCE_S = seconds(0.6)


class Controller:
    """Says that it is there, as the multiplexer does; what others have seen of it is in `seen`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._proof = b''
        self.seen: list[requests.Alive] = []

    def say(self) -> None:
        proof, self._proof = self._proof, os.urandom(32)
        self.seen.append(requests.Alive(SILENCE_S, proof, hashlib.sha256(self._proof).digest()))
        self._context.send(handles.AGENT, self.seen[-1].sent_by(0))


@pytest.fixture
def context() -> Iterator[Context]:
    with Router() as router:
        child = router.local(python=sys.executable)
        child.call(agent.start)
        yield child


def ends(context: Context, controller: Controller, during: str) -> float:
    """How long it takes to end while the controller speaks, or another one repeats its words or says others."""
    gone: list[str] = []
    context.router.on_gone(context, gone.append)
    began, forged = time.monotonic(), requests.Alive(1e9, os.urandom(32), hashlib.sha256(b'mine').digest())
    while not gone and time.monotonic() < began + (4 if during == 'speaks' else 20) * SILENCE_S:
        time.sleep(SILENCE_S / 10)
        if during == 'speaks':
            controller.say()
        elif during == 'is repeated':
            context.send(handles.AGENT, controller.seen[-1].sent_by(0))
        elif during == 'is forged':
            context.send(handles.AGENT, forged.sent_by(0))
    return time.monotonic() - began if gone else 0.0


@pytest.mark.parametrize('during', ['is silent', 'is repeated', 'is forged'])
def test_it_ends_when_its_controller(context: Context, during: str) -> None:
    controller = Controller(context)
    controller.say()
    controller.say()
    assert ends(context, controller, during) > SILENCE_S / 2


def test_it_lives_while_its_controller_speaks(context: Context) -> None:
    assert not ends(context, Controller(context), 'speaks')
