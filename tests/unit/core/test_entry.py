"""The life of a child process: how it starts, and that it always ends."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from svcfw.boot import bundle, first_stage
from svcfw.core import handles
from svcfw.core.context import Context
from svcfw.core.receivers.channel import Receiver
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import ChannelError
from svcfw.core.wire.frames import Frame
from svcfw.core.wire.link import Link, Ready
from svcfw.program.router import Router
from tests.support import called, children
from tests.support.children import LONG
from tests.support.interpreters import need_python
from tests.support.routers import Peer


class Bare:
    """A child started by hand on one socketpair, its descriptors as the test wants them."""

    def __init__(self, python: str, redirections: str = '') -> None:
        ours, theirs = socket.socketpair()
        config = {
            'id': 1, 'name': 'bare', 'parents': (0,), 'ids': None, 'marker': b'MARK', 'log_level': 30, 'extensions': {},
        }  # fmt: skip
        second_stage = first_stage.second_stage(bundle.packed(), first_stage.configuration(config))
        command = ['/bin/sh', '-c', f'exec "$@" {redirections}', 'sh', *first_stage.argv([python], len(second_stage))]
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, start_new_session=True)
        theirs.close()
        self.peer = Peer(ours)
        self.peer._link = Link(b'MARK')
        ours.sendall(second_stage)

    def call(self, module: str, name: str, *args: object) -> object:
        self.peer.send(Frame(1, 0, 0, handles.CALL_FUNCTION, 7, 0, Codec().encode(((module, name), args, {}))))
        return Codec().decode(self.peer.receive().payload)

    def close(self) -> None:
        self.peer.sock.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture(params=[('', None), ('2>&-', None), ('2>&-', '3.6'), ('2>&-', '3.13')])
def bare(request: pytest.FixtureRequest) -> Iterator[Bare]:
    redirections, version = request.param
    made = Bare(need_python(version) if version else sys.executable, redirections)
    yield made
    made.close()


def test_both_directions_on_one_socketpair_with_and_without_stderr(bare: Bare) -> None:
    assert isinstance(bare.peer.receive(), Ready)
    assert bare.call('os', 'getpid') == bare.process.pid
    assert bare.call('builtins', 'print', 'this must not get among the frames') is None
    assert bare.call('os', 'write', 1, b'nor this') == 8
    assert bare.call('os', 'write', 2, b'nor that') == 8
    bare.peer.sock.sendall(Link().goodbye())
    assert bare.peer.is_closed()
    assert bare.process.wait(LONG) == 0


def test_the_link_is_not_inherited_by_what_runs_there(bare: Bare) -> None:
    bare.peer.receive()
    script = 'for n in 3 4 5 6 7; do test -e /proc/$$/fd/$n && exit $n; done; exit 0'
    assert bare.call('subprocess', 'call', ['/bin/sh', '-c', script]) == 0


def test_it_leaves_nothing_open_of_its_start(child: Context) -> None:
    fds = child.call(called.fds)
    assert fds[:3] == [0, 1, 2]
    assert len(fds) <= 9  # the link twice, the loop's three, and the one that lists them


class TestShutdown:
    def test_an_idle_child_ends_when_told(self, child: Context) -> None:
        pid = child.call(called.pid)
        child.shutdown(LONG)
        children.wait_until_gone(pid)

    @pytest.mark.parametrize('function', [called.hang, called.spin])
    def test_a_busy_child_ends_when_told(self, router: Router, child: Context, function: object) -> None:
        receiver = Receiver(router)
        call = child.call_async(function, receiver.to_sender())
        pid = receiver.get(LONG).value()
        child.shutdown(LONG)
        with pytest.raises(ChannelError):
            call.get(LONG)
        children.wait_until_gone(pid)

    def test_calls_that_wait_are_not_begun(self, router: Router, child: Context, tmp_path: Path) -> None:
        receiver = Receiver(router)
        child.call_no_reply(called.hang, receiver.to_sender())
        pid = receiver.get(LONG).value()
        waiting = child.call_async(os.mkdir, str(tmp_path / 'made'))
        child.shutdown(LONG)
        with pytest.raises(ChannelError):
            waiting.get(LONG)
        children.wait_until_gone(pid)
        assert not (tmp_path / 'made').exists()

    def test_a_thread_that_was_left_running_delays_it_only(self, router: Router) -> None:
        child = children.start(router, None)
        pid = child.call(called.leave_a_thread)
        child.shutdown(LONG)
        children.wait_until_gone(pid)

    def test_a_killed_child_wakes_who_waits(self, child: Context) -> None:
        with pytest.raises(ChannelError, match='child'):
            child.call(called.kill_myself)
        with pytest.raises(ChannelError):
            child.call(called.pid)

    def test_a_child_that_is_stopped_is_ended_with_the_router(self, caplog: pytest.LogCaptureFixture) -> None:
        with children.router() as router:
            child = children.start(router, None)
            pid = child.call(called.pid)
            os.kill(pid, signal.SIGSTOP)
        assert not children.is_running(pid)
        assert pid not in children.children_of(), 'and reaped'


PARENT = """
import sys
import svcfw
from svcfw.core.receivers.channel import Receiver
from tests.support import called

@svcfw.main()
def main(router):
    child = router.local(python={python!r})
    pids = [child.call(called.pid)]
    if {busy}:
        receiver = Receiver(router)
        child.call_no_reply(called.hang, receiver.to_sender())
        pids.append(receiver.get().value())
    grandchild = child.call_async(called.start_grandchild, {python!r}) if not {busy} else None
    if grandchild is not None:
        pids.append(grandchild.get())
    print(*pids, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize('busy', [False, True])
@pytest.mark.parametrize('version', children.PYTHONS)
def test_a_killed_parent_takes_all_below_it_along(tmp_path: Path, busy: bool, version: str | None) -> None:
    program = tmp_path / 'program.py'
    program.write_text(PARENT.format(busy=busy, python=need_python(version) if version else None))
    env = {'PYTHONPATH': str(Path(called.__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, str(program)], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(children.is_running, pids))
        parent.kill()
    for pid in pids:
        children.wait_until_gone(pid)


def test_a_grandchild_through_a_killed_intermediate(router: Router, child: Context) -> None:
    grandchild_id, pid = child.call(called.start_and_keep_grandchild, None)
    grandchild = router.context(grandchild_id)
    assert grandchild.call(called.pid) == pid
    receiver = Receiver(router)
    call = grandchild.call_async(called.hang, receiver.to_sender())
    receiver.get(LONG)
    os.kill(child.call(called.pid), signal.SIGKILL)
    for waiting in (call, grandchild.call_async(called.pid)):
        with pytest.raises(ChannelError):
            waiting.get(LONG)
    children.wait_until_gone(pid)
