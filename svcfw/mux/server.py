"""The multiplexer: listens for clients, keeps a context for each link, ends when nobody has needed it for a while."""

import fcntl
import hashlib
import itertools
import logging
import logging.handlers
import os
import secrets
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from svcfw.core import handles
from svcfw.core.loop import Waiter
from svcfw.core.message import Message
from svcfw.core.stream import Stream
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.link import Link
from svcfw.mux import protocol, rundir
from svcfw.mux.interpreters import Interpreters
from svcfw.mux.node import RootNode
from svcfw.mux.session import Session
from svcfw.mux.store import Store
from svcfw.transport.router import Router
from svcfw.transport.spec import Spec

MAX_LOG_BYTES = 1024 * 1024
#: How many workers may be waiting to be accepted: they all start at once.
BACKLOG = 512

_log = logging.getLogger('svcfw.mux')


def serve(folder: Path, ready_fd: int) -> None:
    """The life of the process: listen in `folder`, write a byte to `ready_fd`, serve, leave nothing."""
    # No umask of our own: children on this machine inherit it, and in this folder nobody else can read anyhow.
    handler = logging.handlers.RotatingFileHandler(folder / 'mux.log', maxBytes=MAX_LOG_BYTES, backupCount=1)
    logging.basicConfig(
        handlers=[handler],
        level=os.environ.get('SVCFW_LOG', 'WARNING'),
        format='%(asctime)s %(levelname)s %(name)s: %(message)s',
    )
    try:
        server = Server(folder)
        os.write(ready_fd, b'1')
        os.close(ready_fd)
        server.run()
    except Exception:
        _log.exception('the multiplexer failed')
        raise SystemExit(1) from None


class Server:
    """One multiplexer. Everything runs on the main thread, which drives the router's loop."""

    def __init__(self, folder: Path) -> None:
        self.router = Router(standby=False)
        self.store = Store()
        self.interpreters = Interpreters()
        self._loop = self.router.loop
        self._over = Waiter(self._loop)
        # Links hold passwords: what they are kept by is a hash that nobody can compute from outside.
        self._hash_key = secrets.token_bytes(32)
        self._roots: dict[bytes, RootNode] = {}
        self._sessions: dict[int, Session] = {}
        self._session_ids = itertools.count(1)
        self._idle_timeout_s = 60.0
        self._idle_since = self._loop.clock()
        self._is_ending = False
        self._path = rundir.socket_path(folder)
        self._listener = self._listen()
        self.router.add_handler(self._on_agent, handles.AGENT)

    def run(self) -> None:
        """Serve until idle for long enough, stopped, or told to by SIGTERM."""
        signal.signal(signal.SIGTERM, lambda number, frame: self._loop.call_soon(self.stop))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._loop.watch(self._listener.fileno(), self._on_connect)
        self._loop.call_later(1.0, self._look_for_idle)
        self._loop.run(self._over)
        self.router.close()

    # -- clients

    def _listen(self) -> socket.socket:
        """Take the socket's place. Whoever started us holds the lock, so that a file there is a dead one's."""
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._path))
        listener.listen(BACKLOG)
        listener.setblocking(False)
        return listener

    def _on_connect(self) -> None:
        for _ in range(BACKLOG):
            try:
                client, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            if not rundir.is_same_user(client):
                client.close()
                continue
            session = Session(self, next(self._session_ids))
            self._sessions[session.id] = session
            fd = client.detach()
            session.stream = Stream(
                self._loop, Link(), fd, fd, f'client {session.id}', session.on_event, session.on_closed
            )

    def welcome(self, session: Session, idle_timeout_s: int) -> None:
        self._idle_timeout_s = float(idle_timeout_s)
        session.send(protocol.WELCOME, 0, os.getpid())

    def session_over(self, session: Session) -> None:
        self._sessions.pop(session.id, None)
        self._idle_since = self._loop.clock()

    # -- contexts

    def root(self, link: bytes, timeout_s: float, environment: dict[str, str]) -> RootNode:
        """The context for a link, which is started if there is none."""
        key = hashlib.blake2b(link, key=self._hash_key).digest()
        node = self._roots.get(key)
        if node is None or node.dead:
            fields: dict[str, Any] = Codec().decode(link)
            fields['env'] = {**environment, **fields['env']}
            node = RootNode(self.router, Spec(timeout_s=timeout_s, **fields), lambda: self._forget(key))
            self._roots[key] = node
        return node

    def reset(self, link: bytes, on_done: Callable[[bool], None]) -> None:
        """End the context for a link; call back with whether there was one, once it is gone."""
        key = hashlib.blake2b(link, key=self._hash_key).digest()
        node = self._roots.pop(key, None)
        if node is None or node.dead or node.context is None:
            on_done(False)
            return
        self.router.on_gone(node.context, lambda reason: on_done(True))
        node.leave()

    def _forget(self, key: bytes) -> None:
        node = self._roots.get(key)
        if node is not None and node.dead:
            del self._roots[key]

    def _on_agent(self, message: Message) -> None:
        """An agent tells of an operation that failed and that nobody waits for."""
        if message.is_dead:
            return
        session_id, *failure = message.value()
        session = self._sessions.get(session_id)
        if session is not None:
            session.on_failure(self.router.context(message.src_id), tuple(failure))  # type: ignore[arg-type]

    # -- the end

    def stop(self) -> None:
        """End all contexts, then the process."""
        self._path.unlink(missing_ok=True)
        self._over.set()

    def _look_for_idle(self) -> None:
        now = self._loop.clock()
        for node in list(self._roots.values()):
            if node.is_idle() and now - node.idle_since() > self._idle_timeout_s:
                node.leave()
        if not self._sessions and not self._roots and now - self._idle_since > self._idle_timeout_s and self._may_end():
            self.stop()
        else:
            self._loop.call_later(min(1.0, self._idle_timeout_s / 4), self._look_for_idle)

    def _may_end(self) -> bool:
        """Whether no client is just coming: under the lock that they take before they start another multiplexer."""
        with open(self._path.with_suffix('.lock'), 'w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self._on_connect()
            if self._sessions:
                return False
            self._path.unlink(missing_ok=True)
            self._listener.close()
            return True
