"""Connects a client to its user's multiplexer, which is started if need be.

In two steps: `begin` greets and waits for nothing, so that a client can do other work while a multiplexer starts;
`finish` waits for the welcome.
"""

import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from svcfw.core.wire.codec import Codec
from svcfw.core.wire.frames import Frame, FrameReader, pack_header
from svcfw.mux import credentials, protocol, rundir
from svcfw.mux.client import starting
from svcfw.mux.client.starting import MuxError

_SOCKET_BUFFER_BYTES = 1024 * 1024
_WELCOME_BYTES = 4096

_codec = Codec()


class Connecting:
    """A connection on its way. For one thread. `socket` is for the caller, who closes it; `finish` may replace it.

    hello: the fields of the greeting.
    """

    def __init__(self, folder: Path, hello: tuple[Any, ...]) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self._folder = folder
        self._hello = hello
        self._starter: subprocess.Popen[bytes] | None = None
        self._identity: tuple[int, int] | None = None  # of the socket's file
        self._silent = ''  # why the one that was connected to has given no welcome, if it still has the connection

    def begin(self, *, start: bool) -> bool:
        """Connect and greet; False if none runs and not `start`. Raises MuxError, RundirError."""
        if self._dial():
            return True
        if start:
            with starting.locked(rundir.lock_path(self._folder)):
                if not self._dial():
                    self._start()
        return start

    def finish(self, *, start: bool) -> tuple[int, bytes] | None:
        """Wait for the welcome, (the multiplexer's pid, its hash key). Raises MuxError, RundirError.

        If this one was just ending, or does not answer, connects to another one, which knows nothing of what was sent
        to the first; None if there is none and not `start`.
        """
        welcome = self._welcome()
        if welcome is None and start and self._starter is None:
            with starting.locked(rundir.lock_path(self._folder)):
                welcome = self._welcome() if self._may_answer() and self._dial() else None
                if welcome is None:
                    self._replace()
                    welcome = self._welcome()
        if welcome is None:
            if self._silent:
                raise MuxError(f'the multiplexer does not answer: {self._silent}')
            if not start:
                return None
            raise MuxError(f'the multiplexer does not answer. See {rundir.log_path(self._folder)}')
        self.socket.settimeout(None)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            self.socket.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER_BYTES)
        return welcome

    def leave(self) -> None:
        """It is closed without having finished. The process that has started a multiplexer may still be there."""
        if self._starter is not None:
            starting.let_end(self._starter)

    def _reap(self) -> None:
        """Take note of the end of that process."""
        if self._starter is not None:
            try:
                self._starter.wait(starting.START_S)
            except subprocess.TimeoutExpired:
                self._starter.kill()
                self._starter.wait()

    def _start(self) -> None:
        """Start one, with the lock held. Raises MuxError."""
        self._starter = starting.spawn(self._folder)
        if not self._dial():
            self._reap()
            raise MuxError(f'the multiplexer ended before it was ready. See {rundir.log_path(self._folder)}')

    def _may_answer(self) -> bool:
        """Whether to try what listens now: if it is one that does not answer, only if another one has replaced it."""
        return not self._silent or rundir.identity(rundir.socket_path(self._folder)) != self._identity

    def _replace(self) -> None:
        """Start one, with the lock held, in the place of one that ends or does not answer. That goes on with those
        who are connected to it, if it ever goes on."""
        if self._silent:
            starting.note(
                self._folder,
                f'another multiplexer is started, since the one that is there does not answer: {self._silent}',
            )
            self._silent = ''
        self._start()

    def _dial(self) -> bool:
        """Connect and greet; whether one listens."""
        path = rundir.socket_path(self._folder)
        self._identity = rundir.identity(path)
        self._silent = ''
        self.socket.close()
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            self.socket.settimeout(starting.START_S)
            self.socket.connect(str(path))
            if not credentials.is_same_user(self.socket):
                raise rundir.RundirError(f'{path} is served by another user. {rundir.ELSEWHERE}')
            payload = _codec.encode(self._hello)
            self.socket.sendall(pack_header(Frame(0, 0, 0, protocol.HELLO, 0, 0, payload)) + payload)
        except OSError:
            self.socket.close()
            return False
        except BaseException:
            self.socket.close()
            raise
        return True

    def _welcome(self) -> tuple[int, bytes] | None:
        """The welcome; None, and closed, if this multiplexer does not give one."""
        reader = FrameReader()
        silence = Silence(self.socket, starting.START_S)
        try:
            while data := silence.receive(_WELCOME_BYTES):
                for frame in reader.feed(data):
                    self._reap()
                    pid, key = _codec.decode(frame.payload)
                    return pid, key
            if data is None:
                from svcfw.mux.client import peer

                self._silent = peer.described(peer.pid_of(self.socket))
        except OSError:
            pass
        except BaseException:
            self.socket.close()
            raise
        self.socket.close()
        self._reap()
        return None


class Silence:
    """A wait for the first word of a multiplexer that has accepted a connection.

    One that is stopped is not waited for as long as one that may be busy: two looks, so that one that is continued just
    then is not taken for it.
    """

    LOOK_S = 1.0
    STOPPED_LOOKS = 2

    def __init__(self, sock: socket.socket, bound_s: float) -> None:
        self._socket = sock
        self._deadline = time.monotonic() + bound_s
        self._stopped = 0

    def receive(self, size: int) -> bytes | None:
        """What comes next, b'' at the end; None once nothing has come for too long. OSError."""
        while True:
            self._socket.settimeout(max(0.001, min(self.LOOK_S, self._deadline - time.monotonic())))
            try:
                return self._socket.recv(size)
            except TimeoutError:
                from svcfw.mux.client.peer import is_stopped, pid_of

                self._stopped = self._stopped + 1 if is_stopped(pid_of(self._socket)) else 0
            if self._stopped >= self.STOPPED_LOOKS or time.monotonic() > self._deadline:
                return None
