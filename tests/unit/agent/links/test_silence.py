"""A context ends once its controller has been silent for long; nobody else can keep it."""

import hashlib
import os

from svcfw.agent.links.silence import LOOKS, Silence
from tests.support.loops import StillLoop

SILENCE_S = 60.0


class Scene:
    """A context with its router, and a controller that keeps to the rules."""

    def __init__(self) -> None:
        self.loop = StillLoop()
        self.is_busy = False
        self.ends: list[str] = []
        self.child_ids: set[int] = set()
        self.shutdown = self.ends.append
        self.silence = Silence(self, lambda: self.is_busy)
        self.proof = b''

    def say(self) -> bool:
        proof, self.proof = self.proof, os.urandom(32)
        return bool(self.silence.heard(SILENCE_S, proof, hashlib.sha256(self.proof).digest()))

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.loop.advance(1)


def test_it_lives_as_long_as_there_is_a_word_now_and_then() -> None:
    scene = Scene()
    for _ in range(20):
        assert scene.say()
        scene.wait(SILENCE_S - 1)
    assert not scene.ends


def test_it_ends_in_the_silence_after_that() -> None:
    scene = Scene()
    scene.say()
    scene.wait(SILENCE_S)
    assert not scene.ends
    scene.wait(SILENCE_S / LOOKS + 1)
    assert scene.ends == ['nothing was heard from the controller for 60 s']


def test_a_word_of_another_one_does_not_count() -> None:
    scene = Scene()
    scene.say()
    known = scene.proof
    scene.say()
    for forged in (b'', known, os.urandom(32), hashlib.sha256(scene.proof).digest()):
        assert not scene.silence.heard(1e9, forged, hashlib.sha256(b'mine').digest())
        scene.wait(SILENCE_S / 4)
    scene.wait(SILENCE_S)
    assert scene.ends


def test_what_runs_is_not_ended_but_what_comes_after_it_is() -> None:
    scene = Scene()
    scene.is_busy = True
    scene.child_ids.add(9)
    scene.say()
    scene.wait(100 * SILENCE_S)
    scene.is_busy = False
    scene.wait(100 * SILENCE_S)
    assert not scene.ends
    scene.child_ids.clear()
    scene.wait(SILENCE_S / LOOKS + 1)
    assert not scene.ends, 'what has just ended is told first'
    scene.wait(SILENCE_S + SILENCE_S / LOOKS)
    assert scene.ends


def test_a_time_in_which_all_stood_still_counts_as_one_look() -> None:
    scene = Scene()
    scene.say()
    scene.loop.advance(100 * SILENCE_S)
    assert not scene.ends
    assert scene.say()
    scene.wait(SILENCE_S)
    assert not scene.ends
