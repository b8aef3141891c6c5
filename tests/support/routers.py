"""Routers in one process, joined by socketpairs and each served by a thread; and peers that break the rules."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from svcfw.core.context import Context
from svcfw.core.parent.relay import relay_of
from svcfw.core.router import Router
from svcfw.core.waiter import Waiter
from svcfw.core.wire.frames import Frame
from svcfw.core.wire.link import Link
from svcfw.transport.start import EXTENSIONS
from tests.support.timing import seconds

LONG = seconds(20)


class Served:
    """A Router whose loop a thread of its own drives; `logged` has what it reported, as (level, text)."""

    def __init__(self, own_id: int = 0, parent_ids: tuple[int, ...] = (), name: str = 'master') -> None:
        self.logged: list[tuple[int, str]] = []
        self.router = Router(lambda router, level, text: self.logged.append((level, text)), own_id, parent_ids, name)
        self.router.extensions = EXTENSIONS
        self._over = Waiter(self.router.loop)
        self._thread = threading.Thread(target=self.router.loop.wait, args=(self._over,), daemon=True)
        self._thread.start()

    def do(self, function: Callable[[], Any]) -> Any:
        """Call `function()` on the loop's thread and return its value, or raise what it raised."""
        outcome: list[Any] = []
        done = threading.Event()

        def run() -> None:
            try:
                outcome.append(function())
            except Exception as exc:
                outcome.append(exc)
            done.set()

        self.router.loop.call_soon(run)
        assert done.wait(LONG), 'the loop is stuck'
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]

    def settle(self) -> None:
        """Return when the loop has done what was waiting for it: what its descriptors had, too."""
        for _ in range(2):
            self.do(lambda: None)

    def add_child(self, context_id: int, name: str, sock: socket.socket, ids: tuple[int, int] | None = None) -> Context:
        """Join a child whose other end somebody else has."""
        context = self.router.context(context_id, name)

        def join() -> None:
            fd = sock.detach()
            link = relay_of(self.router).link(None)
            stream = self.router.add_child(context, link, fd, fd, lambda *args: None, lambda *args: None)
            if ids:
                self.router.routes.grant(*ids, stream)

        self.do(join)
        return context

    def close(self) -> None:
        self.router.shutdown()
        self._over.set()
        self._thread.join(LONG)
        assert not self._thread.is_alive()
        for stream in self.router.streams():
            stream.close('the test is over')
        self.router.loop.close()


class Peer:
    """The other end of a link, without a router: sends any frame, and reads what comes."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(LONG)
        self._link = Link()
        self._frames: list[Any] = []

    def send(self, frame: Frame) -> None:
        self.sock.sendall(self._link.frame_header(frame) + frame.payload)

    def receive(self) -> Any:
        """The next frame, or Goodbye."""
        while not self._frames:
            data = self.sock.recv(65536)
            assert data, 'the link was closed'
            self._frames += self._link.receive_data(data)
        return self._frames.pop(0)

    def is_closed(self) -> bool:
        """Read up to the end of the stream."""
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True


class Tree:
    """Makes routers and peers, and closes them all."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()

    def master(self) -> Served:
        return self._closing(Served())

    def child(self, parent: Served, context_id: int, name: str, ids: tuple[int, int] | None = None) -> Served:
        """A router below another one."""
        ours, theirs = socket.socketpair()
        above = (parent.router.own_id, *parent.router.parent_ids)
        child = self._closing(Served(context_id, above, name))
        fd = theirs.detach()
        child.do(lambda: child.router.add_parent(Link(), fd, fd))
        if ids:
            child.router.ids = ids
        parent.add_child(context_id, name, ours, ids)
        return child

    def peer(self, parent: Served, context_id: int, name: str, ids: tuple[int, int] | None = None) -> Peer:
        """A child that is no router."""
        ours, theirs = socket.socketpair()
        parent.add_child(context_id, name, ours, ids)
        self._stack.callback(theirs.close)
        return Peer(theirs)

    def _closing(self, served: Served) -> Served:
        self._stack.callback(served.close)
        return served

    def close(self) -> None:
        self._stack.close()


@contextlib.contextmanager
def tree() -> Iterator[Tree]:
    made = Tree()
    try:
        yield made
    finally:
        made.close()


def open_fds() -> set[str]:
    """The descriptors of this process."""
    return set(os.listdir('/proc/self/fd'))
