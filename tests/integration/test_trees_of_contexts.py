"""Contexts below contexts, from the top and from a child; and the ways to let go of one. Local and over ssh."""

import os
import signal
from typing import Any

import pytest

from svcfw.core.context import Context
from svcfw.core.receivers.channel import Receiver
from svcfw.core.wire.errors import CallError, ChannelError, StartError, TimeoutError
from svcfw.program.router import Router
from svcfw.transport import children, start
from tests.integration import remote_tree as there
from tests.support.children import is_running, wait_until_gone
from tests.support.interpreters import need_python
from tests.support.routers import LONG
from tests.support.sshd import Sshd
from tests.support.timing import wait_until


def over(server: Sshd) -> dict[str, Any]:
    return {
        'hostname': server.host,
        'username': server.user,
        'port': server.port,
        'ssh_common_args': server.ssh_options(),
    }


class TestByWayOfAnother:
    def test_a_child_of_a_child(self, router: Router, child: Context) -> None:
        below = router.local(via=child, name='below')
        pid, parent = below.call(there.pids)
        assert (str(below), parent) == ('below', child.call(there.pids)[0])
        assert below.call(there.version) == child.call(there.version), 'the interpreter of its parent'
        assert router.neighbour(below) == child
        third = router.local(via=below, python=need_python('3.13'))
        assert third.call(there.version) == (3, 13)
        child.shutdown(LONG)
        wait_until_gone(pid)

    def test_over_ssh(self, router: Router, child: Context, sshd: Sshd) -> None:
        below = router.ssh(via=child, **over(sshd), python=need_python('3.6'))
        assert below.call(there.version) == (3, 6)
        assert router.neighbour(below) == child

    def test_while_its_main_thread_is_busy(self, router: Router, child: Context) -> None:
        handle = child.call(there.let_go_from_now_on)
        receiver = Receiver(router)
        reply = child.call_async(there.wait_for_go, receiver.to_sender())
        receiver.get(LONG)
        below = router.local(via=child)
        assert below.call_async(there.version).get(LONG) >= (3, 6)
        child.send(handle, None)
        assert reply.get(LONG) is None

    def test_errors_name_both(self, router: Router, child: Context, sshd: Sshd) -> None:
        with pytest.raises(StartError, match=f'localhost: by way of {child}: .*/no/such, is not there') as raised:
            router.local(via=child, python='/no/such')
        assert raised.value.kind == 'nopython'
        with pytest.raises(
            StartError, match=f'k3: by way of {child}: the paramiko transport starts children of the program'
        ):
            router.ssh('k3', via=child, transport='paramiko')
        with pytest.raises(StartError, match=f'by way of {child}: cannot run no-such-ssh'):
            router.ssh('k3', via=child, ssh_executable='no-such-ssh')
        assert len(router.routes.links()) == 1
        child.shutdown(LONG)
        with pytest.raises(ChannelError):
            router.local(via=child)

    def test_what_comes_too_late_is_let_go_of(self, router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
        child = router.local()
        router.local(via=child).disconnect()  # what it needs for that is there
        pid, _ = child.call(there.pids)
        monkeypatch.setattr(children, '_MARGIN_S', 0.1)
        names = []
        context = router.context
        monkeypatch.setattr(router, 'context', lambda *args: names.append(args) or context(*args))
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(StartError, match=f'late: no answer from {child}') as raised:
                router.ssh('late', via=child, transport='local', timeout_s=0.1)
            assert raised.value.kind == 'timeout'
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: [each for each in names if each[1:] == ('late',)], LONG, 'it has been started')
        late = context(next(each[0] for each in names if each[1:] == ('late',)))
        wait_until(lambda: not router.has_route(late), LONG, 'it is gone again')
        assert child.call(there.version)


def test_the_router_of_a_child_starts_children(child: Context, sshd: Sshd) -> None:
    versions, below, text, is_there = child.call(there.by_itself, need_python('3.13'), over(sshd))
    assert (versions, below, is_there) == ([(3, 13)], 'below', False)
    assert 'the paramiko transport starts children of the program itself' in text
    assert 'context 0 is not a descendant of this context' in text
    with pytest.raises(CallError, match=r'StartError: .*/no/such, is not there'):
        child.call(there.by_itself, '/no/such', over(sshd))


class TestDisconnecting:
    def test_a_child_that_cannot_answer(self, router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(start, 'LEAVE_S', 0.1)
        child = router.local(name='kid')
        below = router.local(via=child)
        pid, _ = child.call(there.pids)
        os.kill(pid, signal.SIGSTOP)
        replies = [each.call_async(there.version) for each in (child, below)]
        with pytest.raises(TimeoutError, match='not disconnected within'):
            below.disconnect(timeout=0.01)
        child.disconnect()
        for reply in replies:
            with pytest.raises(ChannelError, match='kid: it was disconnected'):
                reply.get(LONG)
        wait_until_gone(pid)
        child.disconnect(LONG)

    def test_one_that_is_further_below(self, router: Router, child: Context) -> None:
        below = router.local(via=child, name='below')
        last = router.local(via=below)
        pids = [each.call(there.pids)[0] for each in (below, last)]
        reply = last.call_async(there.wait_for_go, Receiver(router).to_sender())
        below.disconnect(LONG)
        with pytest.raises(ChannelError, match='below: it was disconnected'):
            reply.get(LONG)
        for pid in pids:
            wait_until_gone(pid)
        assert child.call(there.version)
        assert not any(map(is_running, pids))

    def test_what_is_not_below(self, router: Router) -> None:
        with pytest.raises(TypeError, match="via must be a Context, not 'gate'"):
            router.local(via='gate')
        with pytest.raises(ValueError, match='not a descendant'):
            router.myself().disconnect()
