"""Fakes of what a transport gives a Starter (svcfw.transport.contract)."""

import os
import socket
from typing import Any

from svcfw.core.wire.errors import StartError
from svcfw.transport.contract import Dialogue, Process
from svcfw.transport.dialogue import STDERR, STDOUT, TTY


class FakeProcess(Process):
    """A process without one: the test has its side of the link as `far`, of the error stream as `far_err`."""

    argv = ('fake',)

    def __init__(self) -> None:
        ours, self.far = socket.socketpair()
        ours.setblocking(False)
        self.in_fd = self.out_fd = ours.detach()
        self.err_fd, self.far_err = os.pipe()
        os.set_blocking(self.err_fd, False)
        self._status: int | None = None

    def poll(self) -> int | None:
        return self._status

    def kill(self) -> None:
        self.end(-9)

    def end(self, status: int) -> None:
        """It has ended, with its streams."""
        if self._status is None:
            self._status = status
            self.far.close()
            os.close(self.far_err)

    def close(self) -> None:
        for fd in {fd for fd in self.release() if fd is not None}:
            os.close(fd)


class FakeDialogue(Dialogue):
    """Records what it hears, and says what the test wants: say(source, all that was heard from it) -> actions."""

    host = 'there'

    def __init__(self) -> None:
        self.heard: dict[str, bytes] = {STDOUT: b'', STDERR: b'', TTY: b''}
        self.say: Any = lambda source, data: []
        self.has_forgotten = False

    def receive(self, source: str, data: bytes) -> list[Any]:
        self.heard[source] += data
        actions: list[Any] = self.say(source, self.heard[source])
        return actions

    def forget(self) -> None:
        self.has_forgotten = True

    def ended(self, status: int) -> StartError:
        return StartError('died', self.host, f'ended with {status}')

    def timed_out(self, seconds: float) -> StartError:
        return StartError('timeout', self.host, f'not within {seconds}')
