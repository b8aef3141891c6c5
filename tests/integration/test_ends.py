"""How functions and services end: exceptions of any kind, forks, shutdowns, lost peers. Real children."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from svcfw.core.context import Context
from svcfw.core.receivers.channel import Receiver
from svcfw.core.wire.errors import CallError, ChannelError, StartError
from svcfw.program.router import Router
from tests.integration import remote_ends as there
from tests.support import called, children
from tests.support.routers import LONG
from tests.support.sshd import Sshd
from tests.support.timing import wait_until


@pytest.fixture(params=children.PYTHONS, ids=lambda version: version or 'ours')
def python(request: pytest.FixtureRequest) -> str | None:
    return children.need_python(request.param) if request.param else None


@pytest.fixture
def router() -> Iterator[Router]:
    with Router() as made:
        yield made


@pytest.fixture(params=['local', 'ssh'])
def child(request: pytest.FixtureRequest, router: Router, python: str | None) -> Context:
    if request.param == 'local':
        return router.local(python=python)
    server: Sshd = request.getfixturevalue('sshd')
    options = {'ssh_common_args': server.ssh_options(), 'python': python}
    return router.ssh(server.host, username=server.user, port=server.port, **options)


@pytest.mark.parametrize('name', ['KeyboardInterrupt', 'GeneratorExit', 'SystemExit', 'Own'])
def test_an_exception_of_any_kind_ends_the_call_alone(child: Context, name: str) -> None:
    with pytest.raises(CallError) as caught:
        child.call(there.raises, name)
    assert caught.value.typename.endswith(name)
    assert child.call_async(there.add, 1, 2).get(LONG) == 3


@pytest.mark.parametrize('way', ['exit', 'return', 'raise', 'text'])
def test_a_fork_ends_where_its_function_does(child: Context, way: str) -> None:
    """It neither answers the caller nor lives on as a second context on the link."""
    statuses = {'exit': 3, 'return': 0, 'raise': 1, 'text': 1}
    assert child.call_async(there.forks, way).get(LONG) == statuses[way]
    for n in range(6):
        assert child.call_async(there.add, n, 0).get(LONG) == n


def test_a_fork_of_a_service(child: Context) -> None:
    assert child.call_service_async(there.Forking, 'forks').get(LONG) == 3
    assert child.call_service_async(there.Forking, 'forks').get(LONG) == 3


def test_a_fork_may_not_use_the_router(child: Context) -> None:
    text = child.call_async(there.uses_router_in_fork).get(LONG)
    assert 'ChannelError' in text
    assert 'this is a fork of process' in text
    assert child.call_async(there.add, 1, 2).get(LONG) == 3


def test_forked_workers_log(child: Context) -> None:
    """As those of multiprocessing do, while their parent answers calls."""
    assert child.call_async(there.pooled, 3).get(LONG) == 36
    assert child.call_async(there.add, 1, 2).get(LONG) == 3


def test_a_fork_of_the_program_ends_nobody(router: Router, child: Context) -> None:
    pid = os.fork()
    if pid == 0:
        status = 1
        with contextlib.suppress(BaseException), router:
            try:
                child.call(there.add, 1, 2)
            except ChannelError as e:
                status = 0 if 'this is a fork' in str(e) else 2
        os._exit(status)
    assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 0
    assert child.call_async(there.add, 1, 2).get(LONG) == 3


@pytest.mark.parametrize('how', ['shutdown', 'close', 'lost'])
def test_on_shutdown_runs_to_its_end(router: Router, child: Context, tmp_path: Path, how: str) -> None:
    folder = tmp_path / 'ended'
    folder.mkdir()
    for service in (there.Slow, there.Leaves):
        child.call_service(service, 'prepare', folder=str(folder))
    if how == 'shutdown':
        child.shutdown(LONG)
    elif how == 'close':
        router.close()
    else:
        router.neighbour(child)  # the link alone is cut: the process is not told
        router.loop.call_soon(lambda: [stream.close('cut') for stream in router.streams()])
    wait_until(lambda: (folder / 'Slow').exists(), LONG, 'on_shutdown of the slow one has ended')
    order = (folder / 'order').read_text().split()
    assert order == ['Leaves', 'Slow']


def test_threads_that_a_child_cannot_start_reach_the_callers(child: Context) -> None:
    child.call(there.forbid_threads)
    for _ in range(2):
        with pytest.raises(CallError, match="can't start new thread"):
            child.call_service_async(there.Forking, 'forks').get(LONG)
    child.call(there.allow_threads)
    assert child.call_service_async(there.Forking, 'forks').get(LONG) == 3


class TestReceivers:
    def test_a_killed_sender_ends_the_receiver(self, router: Router, child: Context) -> None:
        receiver = Receiver(router)
        child.call_no_reply(there.sends_and_dies, receiver.to_sender())
        assert receiver.get(LONG).value() == 'last words'
        with pytest.raises(ChannelError):
            receiver.get(LONG)

    def test_no_handler_is_left_over(self, router: Router, python: str | None) -> None:
        before = len(router._handlers)
        receivers = []
        for _ in range(3):
            child = router.local(python=python)
            receivers.append(Receiver(router))
            child.call(there.keeps, receivers[-1].to_sender())
            child.call_no_reply(os._exit, 1)
        for receiver in receivers:
            with pytest.raises(ChannelError):
                receiver.get(LONG)
        assert len(router._handlers) == before

    def test_it_goes_on_for_those_who_are_left(self, router: Router, child: Context, python: str | None) -> None:
        receiver = Receiver(router)
        other = router.local(python=python)
        other.call(there.keeps, receiver.to_sender())
        child.call_no_reply(there.sends_and_dies, receiver.to_sender())
        assert receiver.get(LONG).value() == 'last words'
        gone = threading.Event()
        router.on_gone(child, lambda reason: gone.set())
        assert gone.wait(LONG)
        other.call(there.sends, receiver.to_sender())
        assert receiver.get(LONG).value() == 'still here'
        other.shutdown(LONG)
        with pytest.raises(ChannelError):
            receiver.get(LONG)


@pytest.mark.parametrize('how', ['shutdown', 'close', 'lost', 'busy'])
def test_what_a_context_has_started_ends_with_it(router: Router, child: Context, tmp_path: Path, how: str) -> None:
    """A child that is stopped, one whose program hangs before it is one, and one that is well."""
    silent = tmp_path / 'python'
    silent.write_text('#!/bin/sh\nexec sleep 1000\n')
    silent.chmod(0o755)
    pid = child.call(os.getpid)
    stopped, well = router.local(via=child), router.local(via=child)
    stopped_pid = stopped.call(os.getpid)
    assert well.call(os.getpid) != stopped_pid
    starting = threading.Thread(target=start_in_vain, args=(router, str(silent), child), daemon=True)
    starting.start()
    wait_until(lambda: len(children.children_of(pid)) == 3, LONG, 'all three are there')
    pids = list(children.children_of(pid))
    os.kill(stopped_pid, signal.SIGSTOP)
    if how == 'busy':
        receiver = Receiver(router)
        child.call_no_reply(called.hang, receiver.to_sender())
        assert receiver.get(LONG).value() == pid
    if how == 'shutdown':
        child.shutdown(LONG)
    elif how == 'lost':
        router.loop.call_soon(lambda: [stream.close('cut') for stream in router.streams()])
    else:
        router.close()
    for each in (pid, *pids):
        children.wait_until_gone(each)
    starting.join(LONG)


def start_in_vain(router: Router, python: str, via: Context) -> None:
    with pytest.raises((StartError, ChannelError)):
        router.local(python, via=via, timeout_s=LONG)
