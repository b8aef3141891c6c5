"""Killed children and killed parents leave nothing: no handles, descriptors, threads or processes.

The short form kills some in each way; SVCFW_TEST_LONG=1 makes it 400 children and 100 parents in all.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from svcfw.core.context import Context
from svcfw.core.latch import Latch
from svcfw.core.receivers.channel import Receiver
from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.files.service import FileService
from svcfw.program.router import Router
from tests.integration import remote_kills as there
from tests.support.hosts import CHECKOUT
from tests.support.interpreters import need_python
from tests.support.need import is_long
from tests.support.sshd import Sshd, descendants, kill
from tests.support.timing import seconds, wait_until

MOMENTS = ['idle', 'in a call', 'in a service call', 'in a transfer', 'during a start', 'with a receiver']
#: For each of the four kinds of children; half of the parents are programs, half contexts with children.
CHILDREN = 100 if is_long() else 6
PARENTS = 25 if is_long() else 6
SIZE = 8 * 1024 * 1024


class Kind(NamedTuple):
    """What children are started as."""

    transport: str
    python: str
    options: dict[str, Any]
    server: Sshd | None
    #: Processes that this one had before: hosts of other tests.
    others: frozenset[int]

    def start(self, router: Router) -> Context:
        if self.transport == 'ssh':
            return router.ssh(python=self.python, **self.options)
        return router.local(python=self.python)


@pytest.fixture(
    params=[(transport, python) for transport in ('local', 'ssh') for python in ('3.6', '3.13')], ids='-'.join
)
def kind(request: pytest.FixtureRequest) -> Kind:
    transport, version = request.param
    others = frozenset(descendants(os.getpid()))
    python = need_python(version)
    if transport == 'local':
        return Kind(transport, python, {}, None, others)
    server: Sshd = request.getfixturevalue('own_sshd')
    options = {
        'hostname': server.host, 'username': server.user, 'port': server.port,
        'ssh_common_args': server.ssh_options(),
    }  # fmt: skip
    return Kind(transport, python, options, server, others)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / 'file'
    path.write_bytes(os.urandom(SIZE))
    return path


def held(router: Router, kind: Kind) -> dict[str, int]:
    """How much of what could leak this process has."""
    server = kind.server
    processes = set(descendants(os.getpid())) - kind.others
    return {
        'handles': len(router._handlers),
        'holders': len(router.holders._holders) if router.holders else 0,
        'contexts': len(router.contexts),
        'starters': len(router.starters),
        'routes': len(router.streams()),
        'descriptors': len(os.listdir('/proc/self/fd')),
        'threads': len(os.listdir('/proc/self/task')),
        'processes': len(processes) - (1 + len(server.session_pids()) if server else 0),
    }


def require_no_more(router: Router, before: dict[str, int], kind: Kind) -> None:
    """What was held before is held now, as soon as processes and threads that end have ended."""
    more: dict[str, tuple[int, int]] = {}
    server = kind.server

    def is_no_more() -> bool:
        now = held(router, kind)
        more.clear()
        more.update({name: (before[name], now[name]) for name in now if now[name] > before[name]})
        return not more and (server is None or not server.session_pids())

    try:
        wait_until(is_no_more, seconds(15), 'all is given back')
    except AssertionError:
        found = [commandline(pid) for pid in descendants(os.getpid()) if pid not in kind.others]
        raise AssertionError(f'held before and after: {more}; {server and server.session_pids()}; {found}') from None


def commandline(pid: int) -> str:
    """What a process is, for messages."""
    with contextlib.suppress(OSError):
        return f'{pid}: {Path(f"/proc/{pid}/cmdline").read_bytes()[:80]!r} {Path(f"/proc/{pid}/stat").read_text()[:60]}'
    return f'{pid}: gone'


class Killing:
    """Gets a child into a moment, kills it, and hears of it in each way that somebody waits."""

    def __init__(self, router: Router, kind: Kind, file: Path) -> None:
        self.router = router
        self.kind = kind
        self.file = file

    def child(self) -> tuple[Context, int]:
        child = self.kind.start(self.router)
        return child, child.call(there.pid)

    def at(self, moment: str, number: int) -> None:
        if moment == 'during a start':
            self.during_a_start(number)
            return
        child, pid = self.child()
        gone: Latch[str] = Latch(self.router.loop)
        child.on_gone(gone.put)
        getattr(self, moment.replace(' ', '_'))(child, pid, number)
        gone.get(seconds(20))

    def idle(self, child: Context, pid: int, number: int) -> None:
        kill(pid)

    def in_a_call(self, child: Context, pid: int, number: int) -> None:
        receiver = Receiver(self.router)
        self.loses(pid, receiver, child.call_async(there.wait, receiver.to_sender()))

    def in_a_service_call(self, child: Context, pid: int, number: int) -> None:
        receiver = Receiver(self.router)
        self.loses(pid, receiver, child.call_service_async(there.Busy, 'wait', sender=receiver.to_sender()))

    def loses(self, pid: int, receiver: Receiver, reply: Any) -> None:
        assert receiver.get(seconds(20)).value() == 'begun'
        kill(pid)
        for each in (reply, receiver):
            with pytest.raises(ChannelError):
                each.get(seconds(20))

    def in_a_transfer(self, child: Context, pid: int, number: int) -> None:
        copy = f'{self.file}.{number}'
        transfer: list[Callable[..., Any]] = [
            lambda **kw: FileService.put(child, str(self.file), copy, **kw),
            lambda **kw: FileService.fetch(child, str(self.file), copy, **kw),
            lambda **kw: FileService.put_tree(child, str(self.file.parent / 'folder'), copy, **kw),
        ]
        with contextlib.suppress(ChannelError):  # it may have been faster
            transfer[number % 3](on_progress=lambda *done: kill(pid))

    def with_a_receiver(self, child: Context, pid: int, number: int) -> None:
        receiver = Receiver(self.router)
        child.call(there.keep, receiver.to_sender())
        kill(pid)
        with pytest.raises(ChannelError):
            receiver.get(seconds(20))

    def during_a_start(self, number: int) -> None:
        """Some time after its process, or for ssh the client, or the session there, is seen."""
        before = set(self.pids())
        outcome: list[Any] = []

        def start() -> None:
            try:
                child = self.kind.start(self.router)
                child.shutdown()
            except (StartError, ChannelError) as e:
                outcome.append(e)

        thread = threading.Thread(target=start)
        thread.start()
        looks = 0
        while thread.is_alive():
            new = set(self.pids()) - before
            looks += bool(new)
            if new and looks > number % 12:
                kill(sorted(new)[number % len(new)])
                break
        thread.join(seconds(60))
        assert not thread.is_alive()

    def pids(self) -> list[int]:
        return descendants(os.getpid()) + (self.kind.server.session_pids() if self.kind.server else [])


def test_killed_children(router: Router, kind: Kind, file: Path) -> None:
    (file.parent / 'folder').mkdir()
    os.link(file, file.parent / 'folder' / 'file')
    killing = Killing(router, kind, file)
    for number, moment in enumerate(MOMENTS):  # what is made once is there from now on
        killing.at(moment, number)
    require_no_more(router, {**held(router, kind), 'processes': 0}, kind)
    before = held(router, kind)
    for number in range(CHILDREN):
        killing.at(MOMENTS[number % len(MOMENTS)], number // len(MOMENTS))
    require_no_more(router, before, kind)
    print(f'{CHILDREN} killed: before {before}, after {held(router, kind)}')


def test_killed_parents(router: Router, kind: Kind, file: Path) -> None:
    """A context with a child of its own: that one ends, too."""
    killing = Killing(router, kind, file)

    def kill_one(moment: str, number: int) -> None:
        parent, pid = killing.child()
        child, pid_below = parent.call(there.start)
        gone: Latch[str] = Latch(router.loop)
        child.on_gone(gone.put)
        if moment == 'during a start':
            parent.call_async(there.start)
            kill(pid)
        elif moment == 'in a transfer':
            with contextlib.suppress(ChannelError):
                FileService.put(child, str(file), f'{file}.{number}', on_progress=lambda *done: kill(pid))
        elif moment.startswith('in a'):
            receiver = Receiver(router)
            reply = (
                child.call_async(there.wait, receiver.to_sender())
                if moment == 'in a call'
                else child.call_service_async(there.Busy, 'wait', sender=receiver.to_sender())
            )
            killing.loses(pid, receiver, reply)
        else:
            killing.idle(parent, pid, number)
        gone.get(seconds(20))
        wait_until(lambda: not Path(f'/proc/{pid_below}').exists(), seconds(20), 'the one below has ended')

    for number, moment in enumerate(MOMENTS):
        kill_one(moment, number)
    require_no_more(router, {**held(router, kind), 'processes': 0}, kind)
    before = held(router, kind)
    for number in range((PARENTS + 1) // 2):
        kill_one(MOMENTS[number % len(MOMENTS)], number)
    require_no_more(router, before, kind)
    print(f'{(PARENTS + 1) // 2} killed: before {before}, after {held(router, kind)}')


def test_killed_programs(kind: Kind, file: Path) -> None:
    for number in range(PARENTS // 2):
        moment = MOMENTS[number % len(MOMENTS)]
        arguments = (moment, kind.transport, kind.options, kind.python, str(file))
        program = subprocess.Popen(
            [sys.executable, '-m', 'tests.integration.remote_kills', repr(arguments)],
            cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert program.stdout is not None
        pids = [int(word) for word in program.stdout.readline().split()]
        assert len(pids) == 2, 'it did not start'
        assert program.stdout.readline() == 'begun\n'
        pids += descendants(program.pid)
        os.kill(program.pid, signal.SIGKILL)
        program.wait()
        program.stdout.close()
        wait_until(
            lambda pids=pids: not [pid for pid in pids if Path(f'/proc/{pid}').exists()], seconds(20),
            f'all that was below a program killed {moment} has ended',
        )  # fmt: skip
        if kind.server:
            wait_until(lambda: not kind.server.session_pids(), seconds(20), 'its logins have ended')
    assert not [name for name in os.listdir(file.parent) if name.startswith('.svcfw-') and '.' in name[7:]]
