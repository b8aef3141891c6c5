"""The agent's end of the descriptor that each job has: who knocks, and who does not."""

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from svcfw.agent.links.door import KNOCK, KNOCK_PREPARED, Door
from tests.unit.agent.fakes import FakeRouter


class Scene:
    """A door, and the job's end of its socket."""

    def __init__(self) -> None:
        self.router = FakeRouter()
        ours, self.job = socket.socketpair()
        self.knocks: list[Any] = []
        self.fd = ours.detach()
        self.door = Door(self.router.loop, self.fd, 7, self.knocks.append)


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.door.close()
    made.job.close()
    made.router.loop.close()


@pytest.mark.parametrize(('word', 'is_prepared'), [(KNOCK, False), (KNOCK_PREPARED, True)])
def test_who_knocks_is_let_know_of(scene: Scene, word: bytes, is_prepared: bool) -> None:
    scene.job.sendall(word)
    scene.router.until(lambda: scene.knocks, 'the knock')
    assert scene.knocks == [scene.door]
    assert (scene.door.is_prepared, scene.door.is_closed) == (is_prepared, False)
    assert scene.door.hand_over() == scene.fd
    os.close(scene.fd)


@pytest.mark.parametrize('word', [b'', b'svcfw 9\n', b'GET / HTTP/1.1\r\n', KNOCK[:3]])
def test_whoever_says_something_else_is_shut_out(scene: Scene, word: bytes) -> None:
    scene.job.sendall(word)
    scene.job.shutdown(socket.SHUT_WR)
    scene.router.until(lambda: scene.door.is_closed, 'the end of the door')
    assert scene.knocks == []
    with pytest.raises(OSError, match='Bad file descriptor'):
        os.fstat(scene.fd)


def test_what_a_job_has_sent_counts_when_it_ends(scene: Scene) -> None:
    class Stream:
        def __init__(self) -> None:
            self.closed, self._paused, self.pieces, self.taken = '', False, 3, 0

        def _on_readable(self) -> bool:
            self.pieces -= 1
            return self.pieces >= 0

        def _deliver(self) -> None:
            self.taken += 1

        def close(self, reason: str) -> None:
            self.closed = reason

    os.close(scene.door.hand_over())
    stream = scene.door.stream = Stream()
    scene.door.close()
    assert (stream.taken, stream.closed) == (3, 'the module has ended')
    assert scene.door.is_closed
    scene.door.close()
