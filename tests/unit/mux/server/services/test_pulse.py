"""A service host that does not answer is noticed."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from svcfw.core.wire.frames import Frame
from svcfw.mux.offer import Offer, start_time
from svcfw.mux.server.services import pulse, run
from svcfw.mux.server.services.pulse import Pulse
from svcfw.mux.server.services.run import Run
from svcfw.program.router import Router
from tests.support.routers import Served
from tests.support.timing import seconds, wait_until


class Beat:
    """A pulse, and what it has asked."""

    def __init__(self, served: Served) -> None:
        self.questions: list[Callable[[], None]] = []
        self.is_needed = True
        self.silences = 0
        self.pulse = Pulse(served.router.loop, self.questions.append, lambda: self.is_needed, self.on_silent)
        served.do(self.pulse.begin)
        self.served = served

    def on_silent(self) -> None:
        self.silences += 1
        self.is_needed = False


@pytest.fixture
def beat(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(pulse, 'INTERVAL_S', 0.01)
    monkeypatch.setattr(pulse, 'SILENT_S', 0.1)
    served = Served()
    yield Beat(served)
    served.close()


def test_one_that_answers_is_asked_again(beat: Beat) -> None:
    for _ in range(20):
        wait_until(lambda: beat.questions, seconds(10), 'it is asked')
        assert len(beat.questions) == 1
        beat.served.do(beat.questions.pop())
    assert beat.silences == 0


def test_one_that_does_not_is_silent(beat: Beat) -> None:
    wait_until(lambda: beat.silences, seconds(10), 'it is noticed')
    assert len(beat.questions) == 1


def test_it_ends_when_nobody_waits_and_begins_again(beat: Beat) -> None:
    beat.served.do(lambda: setattr(beat, 'is_needed', False))
    wait_until(lambda: not beat.pulse._is_beating, seconds(10), 'the end')
    beat.served.do(lambda: setattr(beat, 'is_needed', True))
    beat.served.do(beat.pulse.begin)
    wait_until(lambda: beat.silences, seconds(10), 'it is noticed')


STUBBORN = """
import re
import svcfw.service


class Stubborn(svcfw.service.Service):
    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def keep(self):
        re.match('(a+)+$', 'a' * 100 + 'b')  # gives up the interpreter to no other thread
"""


def test_calls_are_given_up_when_a_method_keeps_the_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, 'INTERVAL_S', 0.05)
    monkeypatch.setattr(pulse, 'SILENT_S', seconds(2))
    monkeypatch.setattr(run, 'SILENT_S', 2)
    (tmp_path / 'stubborn.py').write_text(STUBBORN)
    key = (os.getppid(), start_time(os.getppid()))
    offer = Offer(key, sys.executable, sys.path, str(tmp_path), [str(tmp_path)], ['stubborn.Stubborn'], [], [], 0, {})
    refused: list[str] = []
    with Router() as router:
        made: list[Run] = []

        def begin() -> None:
            made.append(Run(router, key, dict(os.environ), lambda: None))
            made[0]._refuse = lambda context_id, handle, reason: refused.append(reason)  # type: ignore[method-assign]
            payload = router.codec.encode(('stubborn.Stubborn', 'keep', None, router.codec.encode({})))
            made[0].call(offer, Frame(0, 77, 77, 110, 5, 0, payload), 'stubborn.Stubborn', 'keep')

        router.loop.call_soon(begin)
        wait_until(lambda: refused, seconds(60), 'it is noticed')
        router.loop.call_soon(made[0].end)
        wait_until(lambda: made[0].hosts['stubborn.Stubborn'].dead, seconds(60), 'it is ended')
    (reason,) = refused
    assert reason.startswith('stubborn.Stubborn.keep: its process has not answered for 2 s')
