"""The multiplexer: listens for clients, keeps a context for each link, ends after a time without use."""

import faulthandler
import fcntl
import gc
import hashlib
import itertools
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from svcfw.agent import ops
from svcfw.core import handles
from svcfw.core.message import Message
from svcfw.core.parent.relay import relay_of
from svcfw.core.stream import Stream
from svcfw.core.waiter import Waiter
from svcfw.core.wire.errors import DecodeError, Error, StartError
from svcfw.core.wire.link import Link
from svcfw.mux import credentials, links, protocol, rundir, ssh_versions
from svcfw.mux.first_login import FirstLogin
from svcfw.mux.server import keeping
from svcfw.mux.server.health import heartbeat, logfile
from svcfw.mux.server.health.watchdog import Watchdog
from svcfw.mux.server.members import ModuleZips
from svcfw.mux.server.node import Node
from svcfw.mux.server.root_node import RootNode
from svcfw.mux.server.services.jobs import Jobs
from svcfw.mux.server.session import Session
from svcfw.mux.server.telling import Telling
from svcfw.mux.server.turns import LinkTurns
from svcfw.program.router import Router

#: Payload of one frame from a target, of which up to three copies are in memory. Agents send parts below 1 MiB.
MAX_AGENT_FRAME_BYTES = 8 * 1024 * 1024
#: Interval of checks for idle contexts; shorter where short time-outs need it.
IDLE_CHECK_S, MIN_IDLE_CHECK_S = 1.0, 0.05
#: How long the failure of a context that was begun ahead stands for the first request, in place of a second attempt.
BEGUN_S = 30.0
#: How often clients that wait are told that the multiplexer is there; they give up by the rules of client/line.py.
ALIVE_S = 5.0
#: Pause of accept() after descriptors ran out.
ACCEPT_PAUSE_S = 0.5

_log = logging.getLogger('svcfw.mux')


def serve(folder: Path, listener: socket.socket, first: FirstLogin) -> None:
    """Run the process: serve those who connect to the socket in `folder`, leave nothing that runs.

    first: the first client and its login, as far as they have come.
    """
    # No umask of our own: local children inherit it, and other users cannot enter this folder anyhow.
    logfile.configure(folder)
    if displaced := rundir.displaced(folder):
        _log.warning('%s', displaced)
    try:
        server = Server(folder, listener, first)
        gc.freeze()  # each collection looks at what has come since alone
        server.run()
        ssh_versions.remember(folder)
    except Exception:
        _log.exception('the multiplexer failed')
        raise SystemExit(1) from None


class Server:
    """One multiplexer. Everything runs on the main thread, which drives the router's loop."""

    def __init__(self, folder: Path, listener: socket.socket, first: FirstLogin | None = None) -> None:
        self.router = Router(standby=False)
        relay_of(self.router).max_frame_bytes = MAX_AGENT_FRAME_BYTES
        self.store = ModuleZips()
        self.jobs = Jobs(self.router)
        self._loop = self.router.loop
        self._over = Waiter(self._loop)
        # Links hold passwords: they are identified by a hash with a secret key.
        self._hash_key = os.urandom(32)
        self._roots: dict[bytes, RootNode] = {}
        self._retired: set[RootNode] = set()  # needed by earlier requests
        self._failed: dict[bytes, tuple[float, RootNode]] = {}  # those begun ahead that failed, with the time
        self._flows: dict[int, LinkTurns] = {}  # by the id of a root's context
        self._sessions: dict[int, Session] = {}
        self._session_ids = itertools.count(1)  # 0 is the multiplexer itself
        self._idle_timeout_s = 60.0
        self._watchdog = Watchdog()
        self._heartbeat = heartbeat.Heartbeat()
        self._is_tidy = True  # or there may be garbage that holds what a session has sent
        self._idle_since = self._started_at = self._loop.clock()
        self._path = rundir.socket_path(folder)
        self._lock_path = rundir.lock_path(folder)
        self._listener = listener
        self._first = first or FirstLogin(None, None)
        self._first_session: Session | None = None  # the one of its client
        listener.setblocking(False)
        listener.listen(rundir.BACKLOG)  # once more: the kernel tells clients the pid of who has done that
        self._identity = rundir.identity(self._path)
        self.router.add_handler(self._on_agent, handles.AGENT)

    def run(self) -> None:
        """Serve until idle for long enough, stopped, or ended by SIGTERM."""
        self._watch_signals()
        self._loop.watch(self._listener.fileno(), self._on_connect)
        self._loop.call_soon(self._look_for_idle)
        self._loop.call_soon(self._say_alive)
        self._loop.call_soon(self._beat)
        if self._first.client is not None:
            self._first_session = self._admit(self._first.client)
        self._loop.wait(self._over)
        self.router.close()

    def _watch_signals(self) -> None:
        """SIGTERM becomes a byte in a pipe: a handler could run while the loop's lock is held."""
        wake_r, wake_w = os.pipe()
        for fd in (wake_r, wake_w):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        faulthandler.register(signal.SIGUSR1)  # shows what it does in the log
        signal.set_wakeup_fd(wake_w)
        self._loop.watch(wake_r, lambda: self._on_signals(os.read(wake_r, 64)))

    def _on_signals(self, numbers: bytes) -> None:
        if signal.SIGTERM in numbers:
            self.stop()

    # -- clients

    def _on_connect(self) -> None:
        for _ in range(rundir.BACKLOG):
            try:
                client, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as exc:
                _log.error('no client can be accepted for now: %s', exc)
                self._loop.watch(self._listener.fileno())
                self._loop.call_later(ACCEPT_PAUSE_S, self._accept_again)
                return
            if not credentials.is_same_user(client):
                client.close()
                continue
            self._admit(client)

    def _admit(self, client: socket.socket) -> Session:
        _allow_beyond(client.fileno())
        fd = client.detach()
        session = Session(self, next(self._session_ids), fd)
        self._sessions[session.id] = session
        session.stream = Stream(self._loop, Link(), fd, fd, f'client {session.id}', session.on_event, session.on_closed)
        return session

    def _accept_again(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.watch(self._listener.fileno(), self._on_connect)

    def welcome(self, session: Session, idle_timeout_s: int) -> None:
        self._idle_timeout_s = float(idle_timeout_s)
        session.send(protocol.WELCOME, 0, (os.getpid(), self._hash_key))

    def _say_alive(self) -> None:
        """A client whose multiplexer is stopped, or hangs, notices by that."""
        self._loop.call_later(ALIVE_S, self._say_alive)
        for session in list(self._sessions.values()):
            session.say_alive()

    def _beat(self) -> None:
        """A context notices by that if it is not wanted any more."""
        self._loop.call_later(heartbeat.BEAT_S, self._beat)
        self._heartbeat.beat((*self._roots.values(), *self._retired), self._idle_timeout_s)

    def session_over(self, session: Session) -> None:
        self._sessions.pop(session.id, None)
        self._end_first_login(session)
        if session.has_greeted:
            self._is_tidy = False
            self._idle_since = self._loop.clock()

    def status(self, asker: Session) -> dict[str, Any]:
        """The answer to protocol.STATUS of a session that is not counted itself."""
        from svcfw.mux.server.health import status  # seldom needed

        others = [session for session in self._sessions.values() if session is not asker]
        nodes = (*self._roots.values(), *self._retired)
        return status.status(self._loop.clock(), self._started_at, nodes, others)

    # -- contexts

    def root(
        self,
        link: bytes,
        timeout_s: float,
        environment: dict[str, str],
        python: str | None = None,
        telling: Telling | None = None,
    ) -> RootNode:
        """The context for a link, started if there is none. Raises StartError, DecodeError for a malformed link.

        python, telling: Spec.modules_python and the Telling of the client, used if it is started.
        """
        key = self._key(link)
        node = self._roots.get(key)
        if node is None or node.dead:
            _, begun = self._failed.pop(key, (0.0, None))
            if begun is not None and telling is not None and begun.run == telling.run:
                return begun
            spec = links.spec(link, timeout_s, environment, python, telling.ssh_verbosity if telling else 0)
            node = RootNode(self.router, spec, lambda: self._forget(key), self._first.take)
            node.run = telling.run if telling else ''
            self._roots[key] = node
            self._follow(node)
        node.is_unasked = False
        return node

    def begin(self, session: Session, link: bytes, timeout_s: float) -> None:
        """Start the context for a link that a session is going to use, if there is none. Raises DecodeError as `root`.

        If that fails, the next request of the same run gets the error: a refused login is not repeated behind the
        user's back, since some servers count them.
        """
        key = self._key(link)
        try:
            if key in self._failed or (key in self._roots and not self._roots[key].dead):
                return
            node = self.root(link, timeout_s, session.environment, session.python, session.telling)
            node.is_unasked = True
            node.when_ready(lambda error: None)  # it is not idle before
        except StartError:  # of options that lead nowhere: the request that follows gets it
            pass
        finally:
            self._end_first_login(session)

    def _end_first_login(self, session: Session) -> None:
        """End the login that was begun for this session's client, unless a context has taken it."""
        if session is self._first_session:
            self._first_session = None
            self._first.close(self._loop)

    def _follow(self, node: RootNode) -> None:
        """Register the flow for acknowledgements of a root, as long as it exists."""
        if node.context is not None:
            context = node.context
            self._flows[context.id] = node.flow
            self.router.on_gone(context, lambda reason: self._flows.pop(context.id, None))

    def reset(self, link: bytes, on_done: Callable[[bool], None]) -> None:
        """Give the next request for a link a new context; call back with whether there was an old one, once it has
        ended.

        One that others still need ends with their last request, and is not waited for.
        """
        self._failed.pop(self._key(link), None)
        node = self._roots.get(self._key(link))
        if node is None or node.dead or node.context is None:
            on_done(False)
            return
        if node.is_idle():
            self.router.on_gone(node.context, lambda reason: on_done(True))
        else:
            on_done(True)
        self.retire(node)

    def replace(self, stale: Node, link: bytes, start: Callable[[], RootNode]) -> None:
        """Direct later requests for a link to a new context, which `start()` starts by way of `root`. Idempotent.

        If that fails, the stale one continues: what breaks a login (a step of a play that hardens sshd) would not end a
        persistent connection of ssh either.
        """
        key = self._key(link)
        old = self._roots.get(key)
        if old is None or old is not stale:
            return

        def started(error: Error | None) -> None:
            if error is not None and not old.dead:
                _log.warning('%s: no new login in place of a stale one, which goes on: %s', old.host, error)
                self._retired.discard(old)
                self._roots[key] = old
                old.reinstate()
            old.release(self)

        old.hold(self)
        self.retire(old)
        start().when_ready(started)

    def current(self, link: bytes) -> RootNode | None:
        """The context for a link, or None."""
        return self._roots.get(self._key(link))

    def retire(self, node: Node) -> None:
        """Give this node no new requests, and end it once it is idle. Idempotent."""
        for key in [key for key, each in self._roots.items() if each is node]:
            self._retired.add(self._roots.pop(key))
        node.retire()

    def _key(self, link: bytes) -> bytes:
        return hashlib.blake2b(link, key=self._hash_key).digest()

    def _forget(self, key: bytes) -> None:
        node = self._roots.get(key)
        if node is not None and node.dead:
            del self._roots[key]
            if node.is_unasked and node.failure is not None:
                self._failed[key] = self._loop.clock(), node
        self._retired = {node for node in self._retired if not node.is_over}

    def _on_agent(self, message: Message) -> None:
        """An agent reports how much it has dealt with (int), a module that is a context, or the failure of an operation
        that nobody waits for."""
        if message.is_dead:
            return
        try:
            value = message.small_value()
            if type(value) is int:
                if message.src_id in self._flows:  # agents of accounts below have their own
                    self._flows[message.src_id].acknowledged(value)
                return
            if type(value) is tuple and tuple(map(type, value)) == (str, int, int) and value[0] == ops.LINK:
                self.jobs.linked(message.src_id, *value[1:])
                return
            if type(value) is not tuple or tuple(map(type, value)) != (int, str, str, int, str):
                raise DecodeError('that is no report of a failure')
        except Error as exc:
            link = self.router.link_for(message.src_id)
            reason = f'{self.router.context(message.src_id)} broke the protocol: {exc}'
            _log.warning('%s', reason)
            if link is not None:
                link.close(reason)
            return
        session = self._sessions.get(value[0])
        if session is not None:
            session.debts.on_failure(message.src_id, value[1:])

    # -- the end

    def stop(self) -> None:
        """End all contexts, then the process. Idempotent."""
        if self._listener.fileno() >= 0:
            self._loop.watch(self._listener.fileno())
            self._listener.close()
            # Another one may have replaced us if we did not answer for too long.
            if rundir.identity(self._path) == self._identity:
                self._path.unlink(missing_ok=True)
        self._first.close()
        self.jobs.end()
        self._over.set()

    def _look_for_idle(self) -> None:
        pause_s = max(MIN_IDLE_CHECK_S, min(IDLE_CHECK_S, self._idle_timeout_s / 4))
        self._loop.call_later(pause_s, self._look_for_idle)
        now = self._loop.clock()
        if not self._is_tidy:
            self._is_tidy = True
            gc.collect()
        self._failed = {key: value for key, value in self._failed.items() if now - value[0] < BEGUN_S}
        for node in (*self._roots.values(), *self._retired):
            node.end_if_stalled(self._is_needed)
        for node in list(self._roots.values()):
            if node.is_idle() and now - node.idle_since() > self._idle_timeout_s:
                self.retire(node)
            else:
                keeping.expire(node, now)
        for node in list(self._retired):
            node.sweep()
        self._watchdog.look((*self._roots.values(), *self._retired))
        is_needed = self._sessions or self._roots or self._retired or self.jobs.are_served()
        if not is_needed and now - self._idle_since > self._idle_timeout_s:
            self._stop_unless_wanted()

    def _is_needed(self, node: Node) -> bool:
        return any(session.needs(node) for session in self._sessions.values())

    def _stop_unless_wanted(self) -> None:
        """Stop, unless a client is just connecting: under the lock that clients hold while they start one."""
        if self._listener.fileno() < 0:
            return  # stopping, and waiting for the last contexts
        try:
            with open(self._lock_path, 'w') as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._on_connect()
                if not self._sessions:
                    self.stop()
        except BlockingIOError:
            pass
        except OSError:
            self.stop()  # the folder was removed, and with it our socket


def _allow_beyond(fd: int) -> None:
    """Raise the limit of descriptors once half of them are in use.

    Not before: local programs that we start inherit the limit, and should find the user's.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft not in (hard, resource.RLIM_INFINITY) and fd > soft // 2:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
