"""Client of the multiplexer: synchronous, one for each worker process, quick to import."""

import hashlib
import os
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from svcfw.agent import requests
from svcfw.agent.requests import Request
from svcfw.agent.warm.job import Condition, ModuleJob, SourceJob
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import ChannelError, Error, StartError
from svcfw.core.wire.frames import GOODBYE, Frame, pack_header
from svcfw.mux import protocol, rundir
from svcfw.mux.client import filing
from svcfw.mux.client.connecting import Connecting
from svcfw.mux.client.filing import OnProgress
from svcfw.mux.client.line import Line
from svcfw.mux.client.starting import MuxError
from svcfw.mux.client.target import Become, BecomeDialogue, DeferredError, Result, Target
from svcfw.mux.offer import Offer
from svcfw.mux.requests import Command, Facts, HostOut, Module, Reset, Summary
from svcfw.mux.server.telling import About, Cost, about, cost

__all__ = [
    'Become', 'BecomeDialogue', 'Client', 'DeferredError', 'Interest', 'MuxError', 'Result', 'Target', 'Wishes',
    'stop',
]  # fmt: skip

#: Time for its end: it gives its contexts 5 s.
STOP_S = 20.0
_READ_BYTES = 256 * 1024

_codec = Codec()


def _unseen(done: int, total: int) -> None:
    """Ignore progress."""


class Interest(NamedTuple):
    """What a client wants to be told beside its answers: see telling.py.

    ssh_verbosity: number of -v for an ssh program that is started for it.
    """

    hear: Callable[[About | Cost], None]
    ssh_verbosity: int = 0


class Wishes(NamedTuple):
    """What a client wants of the multiplexer as long as it is connected.

    idle_timeout_s: how long the multiplexer survives its last use. interest: None: to be told nothing. python:
    Spec.modules_python for contexts started for this client. run: common to all processes of one run of ansible, and to
    no other.
    """

    idle_timeout_s: int = 60
    interest: Interest | None = None
    python: str | None = None
    run: str = ''

    def hello(self) -> tuple[Any, ...]:
        """The fields of protocol.HELLO."""
        ssh_verbosity = None if self.interest is None else self.interest.ssh_verbosity
        # Programs that it starts for this client (ssh, a ProxyCommand) get this client's environment.
        return dict(os.environ), int(self.idle_timeout_s), self.python, self.run, ssh_verbosity


_USUAL = Wishes()


class Client:
    """One connection to the multiplexer. For one thread.

    Blocking methods raise StartError (the context or child cannot be started), DeferredError (of an earlier operation
    of this client), ChannelError (the context or the multiplexer died); deferred ones return at once.
    """

    def __init__(self, sock: socket.socket, interest: Interest | None = None) -> None:
        self.mux_pid = 0
        self._hash_key = b''
        self._connecting: Connecting | None = None  # until it is welcomed
        self._interest = interest
        #: Called with what services of the run have said: (level as in `logging`, service, text).
        self.on_said: Callable[[int, str, str], None] | None = None
        self._socket = sock
        self._line = Line(sock)
        self._requests = 0

    # -- connecting

    @classmethod
    def connect(
        cls, wishes: Wishes = _USUAL, runtime_dir: Path | None = None, *, start: bool = True
    ) -> 'Client | None':
        """A client of this user's multiplexer, which is started if need be; None if none runs and not `start`.

        Raises MuxError if it cannot be started, RundirError.
        """
        client = cls.begin(wishes, runtime_dir, start=start)
        return client if client is not None and client._finish(start=start) else None

    @classmethod
    def begin(cls, wishes: Wishes = _USUAL, runtime_dir: Path | None = None, *, start: bool = True) -> 'Client | None':
        """The same, without waiting until the multiplexer answers: the first request does."""
        folder = runtime_dir or rundir.default()
        rundir.prepare(folder)
        connecting = Connecting(folder, wishes.hello())
        if not connecting.begin(start=start):
            return None
        client = cls(connecting.socket, wishes.interest)
        client._connecting = connecting
        return client

    def _finish(self, *, start: bool = True) -> bool:
        """Wait until the multiplexer answers; False if it was just ending, and not `start`."""
        connecting, self._connecting = self._connecting, None
        if connecting is None:
            return True
        welcome = connecting.finish(start=start)
        if welcome is None:
            return False
        self.mux_pid, self._hash_key = welcome
        self._socket = connecting.socket
        self._line = Line(self._socket, self.mux_pid)
        return True

    def begin_context(self, target: Target) -> None:
        """Have the login account's context started, if there is none; an error of it is for the next request.

        Waits for nothing. Lost with a multiplexer that is just ending.
        """
        self._send(protocol.BEGIN, 0, (target.link, target.timeout_s))

    # -- blocking

    def facts(self, target: Target) -> dict[str, Any]:
        """home, user, uid, python, version, shell of the login account."""
        return dict(self._ask(target, Facts()))

    def expand_user(self, target: Target, name: str) -> str:
        """'~' or '~name' as the target's shell expands it."""
        return str(self._ask(target, requests.Expand(name)))

    def run_module(
        self,
        target: Target,
        payload: Any,
        env: dict[str, str],
        offer: Offer | None = None,
        condition: Condition | None = None,
        *,
        can_rehearse: bool = False,
        may_reuse: bool = False,
        may_preimport: bool = False,
        is_core: Callable[[Any], bool] | None = None,
    ) -> Result:
        """Run a module (svcfw.ansible.payloads.payload.Payload) with these additions to its environment.

        offer: what it may ask the controller for. condition: on which alone it runs. can_rehearse: its process
        may be forked ahead. may_reuse: it may run in a process that has run others; may_preimport: what it imports may
        be imported ahead of its process; both if is_core(its members) says that they are core's own.
        """
        secrets = None if payload.secrets is None else list(payload.secrets)
        job = ModuleJob(
            list(payload.interpreter), env, payload.format, payload.module, payload.fqn, payload.params,
            payload.profile, secrets, payload.rlimit_nofile, can_rehearse, may_reuse, may_preimport,
            condition,
        )  # fmt: skip

        def members() -> tuple[bool, Any]:
            found = payload.members()
            return is_core is not None and is_core(found), found

        return self._run(target, Module(job, payload.zip_id, _offered(offer)), members)

    def run_source(
        self, target: Target, source: bytes, interpreter: list[str], env: dict[str, str], offer: Offer | None = None
    ) -> Result:
        """Run the source of a Python program as `interpreter` would that reads it from stdin. offer: as above."""
        return self._run(target, Module(SourceJob(list(interpreter), env, source), None, _offered(offer)))

    def run_command(
        self,
        target: Target,
        text: str,
        stdin: bytes | None,
        executable: str | None = None,
        tty: bool = False,
        offer: Offer | None = None,
    ) -> Result:
        """Run `text` by `executable -c`, None for the login shell; on a terminal of its own, like ours, if `tty`.

        offer: what the processes of it may ask the controller for, until the run ends.
        """
        terminal = os.environ.get('TERM', '') if tty else None
        return self._run(target, Command(executable, text, stdin or b'', terminal, _offered(offer)))

    def fetch_file(self, target: Target, remote_path: str, local_path: str, on_progress: OnProgress = _unseen) -> int:
        """Copy a file of the target to an existing one; returns its permission bits. OSError for the local file."""
        return filing.fetch(partial(self._ask, target), remote_path, local_path, on_progress)

    def summary(self, run: tuple[int, int]) -> tuple[list[tuple[int, str, str]], list[protocol.Method]]:
        """What services of a run (as in Offer) have printed that no task has shown, and what their methods did."""
        lines, methods = self._ask(Target(b''), Summary(run))
        return lines, [protocol.Method(*method) for method in methods]

    def host_is_out(self, run: tuple[int, int], host: str) -> None:
        """Tell the services of a run that a host, by its name in the inventory, takes no further part in it."""
        self._ask(Target(b''), HostOut(run, host))

    def flush(self, target: Target) -> None:
        """Wait until all deferred operations are done."""
        self._ask(target, requests.Flush())

    def reset(self, target: Target) -> bool:
        """End the target's context with all its children; True if there was one."""
        return bool(self._ask(target, Reset()))

    def stop(self) -> None:
        """End the multiplexer and all contexts; returns when they have ended. MuxError if it does not end."""
        deadline = time.monotonic() + STOP_S
        try:
            self._send(protocol.STOP, 0, None)
            while (left_s := deadline - time.monotonic()) > 0:
                self._socket.settimeout(left_s)
                if not self._socket.recv(_READ_BYTES):
                    return
        except TimeoutError:
            pass
        except (ChannelError, OSError):
            return
        finally:
            self.abort()
        from svcfw.mux.client import peer  # seldom needed

        raise MuxError(f'the multiplexer does not end: {peer.described(self.mux_pid)}')

    # -- deferred

    def put_file(
        self,
        target: Target,
        local_path: str,
        remote_path: str,
        on_progress: OnProgress = _unseen,
        holds: bool = True,
    ) -> None:
        """Copy a file to the target; it has been read when this returns. OSError for the local file.

        If the target seems to have its content already, waits for the answer. holds: multiplexer and target may keep
        the content in memory for another file.
        """
        ask, defer = partial(self._ask, target), partial(self._defer, target)
        filing.put(ask, defer, local_path, remote_path, on_progress, holds=holds)

    def mkdtemp(self, target: Target, path: str, umask: int | None) -> None:
        """Make a folder that must not exist, and its missing parents."""
        self._defer(target, requests.Mkdtemp(path, umask))

    def chmod(self, target: Target, paths: list[str], mode: str) -> None:
        """As chmod; the only supported mode is 'u+rwx'."""
        if mode != 'u+rwx':
            raise ValueError(f"unsupported mode {mode!r}: expected 'u+rwx'")
        self._defer(target, requests.Chmod(paths))

    def remove(self, target: Target, path: str, recursive: bool) -> None:
        """As rm; never fails here."""
        self._defer(target, requests.Remove(path, recursive))

    # -- the end

    def close(self) -> None:
        """Close in order: deferred operations are still performed."""
        try:
            self._socket.sendall(pack_header(Frame(0, 0, 0, 0, 0, GOODBYE)))
        except OSError:
            pass
        self._close()

    def abort(self) -> None:
        """Close at once: what runs for this client is killed."""
        try:
            # A process forked meanwhile may hold the socket too.
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._close()

    def _close(self) -> None:
        self._socket.close()
        if self._connecting is not None:
            self._connecting.leave()

    # -- messages

    def _run(self, target: Target, request: Request, members: Callable[[], Any] | None = None) -> Result:
        parts: list[tuple[bytes, bytes]] = []
        rc, stdout, stderr = self._ask(target, request, members, lambda *part: parts.append(part))
        if parts:
            stdout = b''.join([part[0] for part in parts]) + stdout
            stderr = b''.join([part[1] for part in parts]) + stderr
        return Result(rc, stdout, stderr)

    def _ask(
        self,
        target: Target,
        request: Request,
        members: Callable[[], Any] | None = None,
        on_part: Callable[[bytes, bytes], None] | None = None,
    ) -> Any:
        """Send a request and answer the multiplexer's questions until the result arrives."""
        self._requests += 1
        self._request(target, request, self._requests)
        dialogue = target.become.dialogue if target.become else None
        try:
            while True:
                frame = self._line.receive()
                value = _codec.decode(frame.payload)
                if frame.handle == protocol.RESULT:
                    return value
                if frame.handle == protocol.ABOUT and self._interest:
                    self._interest.hear(about(value))
                elif frame.handle == protocol.COST and self._interest:
                    self._interest.hear(cost(value))
                elif frame.handle == protocol.SAID:
                    for line in value if self.on_said else ():
                        self.on_said(*line)  # type: ignore[misc]
                elif frame.handle == protocol.PART and on_part:
                    on_part(*value)
                elif frame.handle == protocol.NEED_MEMBERS and members:
                    self._send(protocol.MEMBERS, 0, members())
                elif frame.handle == protocol.BECOME_BUILD and target.become and dialogue:
                    become = target.become
                    command = dialogue.build(value)
                    started = (command, become.need_tty, become.has_password, become.folder)
                    self._send(protocol.BECOME_START, 0, started)
                elif frame.handle == protocol.BECOME_OUTPUT and dialogue:
                    typed = dialogue.receive(value)
                    if typed is not None:
                        self._send(protocol.BECOME_INPUT, 0, typed)
                else:
                    raise _error(frame.handle, value)
        finally:
            if dialogue:
                dialogue.end()

    def _defer(self, target: Target, request: Request) -> None:
        self._request(target, request, 0)

    def _request(self, target: Target, request: Request, number: int) -> None:
        self._finish()
        key = None
        if target.become:
            # It holds a password, which the multiplexer does not keep: it is only typed.
            key = hashlib.blake2b(target.become.key, key=self._hash_key).digest()
        self._send(protocol.REQUEST, number, (target.link, key, target.timeout_s, request.operation, request.values()))

    def _send(self, handle: int, number: int, value: Any) -> None:
        self._line.send(Frame(0, 0, 0, handle, number, 0, _codec.encode(value)))


def _offered(offer: Offer | None) -> tuple[Any, ...] | None:
    return None if offer is None else tuple(offer)


def stop(runtime_dir: Path | None = None) -> bool:
    """End this user's multiplexer; False if none runs."""
    client = Client.connect(runtime_dir=runtime_dir, start=False)
    if client is None:
        return False
    client.stop()
    return True


def _error(handle: int, value: Any) -> Error:
    if handle == protocol.START_FAILED:
        return StartError(*value)
    if handle == protocol.DEFERRED_FAILED:
        return DeferredError(*value)
    if handle == protocol.LOST:
        return ChannelError(value)
    return MuxError(f'unexpected message {handle} from the multiplexer')
