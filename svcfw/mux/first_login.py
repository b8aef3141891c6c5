"""The first login, begun before the multiplexer has imported the rest of itself.

A first client sends at once its greeting and the link that it is going to need (protocol.HELLO, BEGIN). Here they are
looked at, and the login's program is started; the server then reads them as from any client, and takes what runs. While
it is imported, ssh gets half through its handshake.
"""

import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from svcfw.agent import private
from svcfw.boot import first_stage
from svcfw.core.loop import Loop
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.frames import FrameReader
from svcfw.mux import credentials, links, protocol, ssh_versions
from svcfw.transport import connect
from svcfw.transport.contract import Dialogue, Process
from svcfw.transport.spec import SSH, Spec

#: How long to wait for a client, and again for its first two frames; and between looks. A client that sends fewer is
#: served later by so much.
WAIT_S, PAUSE_S = 0.02, 0.001
#: Between looks whether a process has ended that was killed.
REAP_S = 0.05
#: A greeting with a larger environment is left to the server.
MAX_BYTES = 64 * 1024

Launch = Callable[[int], tuple[Process, Dialogue]]


class FirstLogin:
    """client: the connection of the first client, None if there was none. begun: the Spec, process and
    dialogue of the login that was started, or None."""

    def __init__(self, client: socket.socket | None, begun: tuple[Spec, Process, Dialogue] | None) -> None:
        self.client = client
        self._begun = begun

    @property
    def is_begun(self) -> bool:
        """Whether a login runs that nobody has taken."""
        return self._begun is not None

    def take(self, spec: Spec) -> tuple[Spec, Launch | None]:
        """The Spec to go on with, and what gives the process, if that runs for exactly this.

        That Spec is the one whose password the dialogue knows: who clears it clears all. The process stays ours until
        it is given.
        """
        if self._begun is None or vars(self._begun[0]) != vars(spec):
            return spec, None
        return self._begun[0], self._give

    def _give(self, size: int) -> tuple[Process, Dialogue]:
        assert self._begun is not None
        (_, process, dialogue), self._begun = self._begun, None
        return process, dialogue

    def close(self, loop: Loop | None = None) -> None:
        """End what nobody has taken. Idempotent. loop: waits for its end; None if this process ends, too."""
        if self._begun is not None:
            (_, process, _), self._begun = self._begun, None
            process.kill()
            process.close()
            if loop is not None:
                _reap(process, loop)


def _reap(process: Process, loop: Loop) -> None:
    if process.poll() is None:
        loop.call_later(REAP_S, lambda: _reap(process, loop))


def begin(folder: str, listener: socket.socket) -> FirstLogin:
    """Begin the login that the first client needs, if it says so by now. folder: of the socket.

    Whatever is wrong with it, nothing is begun, and the server tells the client.
    """
    private.hide()  # a client's environment may have secrets in it, its link a password
    ssh_versions.recall(folder)
    client = _accepted(listener)
    begun = None
    if client is not None:
        with suppress(Exception):  # the server does the same, and knows whom to tell
            begun = _begin(client)
    return FirstLogin(client, begun)


def _accepted(listener: socket.socket) -> socket.socket | None:
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    if not poller.poll(WAIT_S * 1000):
        return None
    try:
        client, _ = listener.accept()
    except OSError:
        return None
    if credentials.is_same_user(client):
        return client
    client.close()
    return None


def _begin(client: socket.socket) -> tuple[Spec, Process, Dialogue] | None:
    said = _said(client)
    if said is None:
        return None
    hello, begin = (Codec().decode(payload) for payload in said)
    environment, _, python, _, verbosity = hello
    link, timeout_s = begin
    wanted = links.spec(link, timeout_s, environment, python, int(verbosity or 0))
    if connect.choice(wanted)[0] != SSH:
        return None
    process, dialogue = connect.launcher(wanted)(first_stage.STAGE_BYTES)
    return wanted, process, dialogue


def _said(client: socket.socket) -> list[bytes] | None:
    """The greeting and what it begins with, which stay where they are to be read. None if that is something else."""
    deadline = time.monotonic() + WAIT_S
    while True:
        is_last = time.monotonic() > deadline
        try:
            seen = client.recv(MAX_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            seen = b''
        else:
            if not seen:
                return None  # it has gone
        frames = FrameReader(MAX_BYTES).feed(seen)[:2]
        if [frame.handle for frame in frames] == [protocol.HELLO, protocol.BEGIN]:
            return [frame.payload for frame in frames]
        if len(frames) > 1 or is_last:
            return None
        time.sleep(PAUSE_S)  # poll() returns at once: what was looked at stays readable
