"""A job that takes nothing of what is sent to it loses its link; others keep theirs."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.agent.links import links as module
from svcfw.agent.links.links import LOOK_S, STALLED_S, Links
from tests.support.loops import StillLoop


class Stream:
    name = 'a module'

    def __init__(self) -> None:
        self.closed = ''
        self.full = False
        self.waiting: list[Callable[[], None]] = []

    def is_full(self) -> bool:
        return self.full

    def when_room(self, callback: Callable[[], None]) -> None:
        self.waiting.append(callback)

    def make_room(self) -> None:
        self.full = False
        waiting, self.waiting = self.waiting, []
        for callback in waiting:
            callback()

    def close(self, reason: str) -> None:
        self.closed = reason


class Scene:
    def __init__(self) -> None:
        self.loop = StillLoop()
        self.stream = Stream()
        self.prepared: list[Any] = []
        self.sources: dict[str, Any] = {}
        self.links: Any = Links.__new__(Links)
        importer = SimpleNamespace(sources=self.sources)
        self.links._router = SimpleNamespace(loop=self.loop, importer=importer, bundle=b'core')
        self.links._used, self.links._used_of = {}, 0
        self.links._prepare_for = lambda *values: self.prepared.append(values)

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds / LOOK_S)):
            self.loop.advance(LOOK_S)


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.links._watch(made.stream)
    return made


def test_one_that_takes_nothing_is_cut_off(scene: Scene) -> None:
    scene.stream.full = True
    scene.wait(STALLED_S)
    assert scene.stream.closed == ''
    scene.wait(3 * LOOK_S)
    assert scene.stream.closed == 'a module: it takes nothing of what is sent to it'
    assert scene.loop.timers == [], 'nobody looks any more'


def test_one_that_is_slow_keeps_its_link(scene: Scene) -> None:
    for _ in range(5):
        scene.stream.full = True
        scene.wait(STALLED_S - LOOK_S)
        scene.stream.make_room()
        scene.stream.full = True
        scene.wait(2 * LOOK_S)
    assert scene.stream.closed == ''


def test_nobody_looks_at_one_that_is_closed(scene: Scene) -> None:
    scene.stream.closed = 'the module has ended'
    scene.wait(2 * LOOK_S)
    assert scene.loop.timers == []


def test_later_jobs_find_compiled_what_jobs_use_and_nothing_of_the_agents_own() -> None:
    scene = Scene()
    for name in ('svcfw.core.wire.codec', 'svcfw.files.client', 'svcfw.core.entry', 'svcfw.core.parent.relay',
                 'svcfw.agent.agent', 'yaml'):  # fmt: skip
        scene.sources[name] = ('file', b'source', False)
    scene.links._prepare(SimpleNamespace(key=7))
    [(key, second_stage, used)] = scene.prepared
    assert (key, sorted(used)) == (7, ['svcfw.core.wire.codec', 'svcfw.files.client'])
    assert second_stage.startswith(b'core')
    assert module.MAX_FRAME_BYTES < 8 * 1024 * 1024
