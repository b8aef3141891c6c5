"""Contexts over each transport: that the starter and a transport fit together."""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from svcfw.boot import first_stage
from svcfw.core.context import Context
from svcfw.core.wire.errors import StartError
from svcfw.program.router import Router
from svcfw.transport import messages, process
from svcfw.transport.dialogue import LoginDialogue
from svcfw.transport.start import start_and_wait
from tests.support.sshd import Sshd, free_port
from tests.support.timing import seconds, wait_until


@pytest.fixture
def router() -> Iterator[Router]:
    with Router() as router:
        yield router


def over_ssh(router: Router, server: Sshd, transport: str, **options: Any) -> Context:
    fields = {'username': server.user, 'port': server.port, 'ssh_common_args': server.ssh_options(), **options}
    return router.ssh(server.host, transport=transport, timeout_s=fields.pop('timeout_s', seconds(20)), **fields)


@pytest.mark.parametrize('transport', ['ssh', 'paramiko'])
class TestOverSsh:
    def test_a_context_answers(self, router: Router, sshd: Sshd, transport: str) -> None:
        context = over_ssh(router, sshd, transport)
        pid = context.call(os.getpid)
        assert pid == context.call(os.getpid) != os.getpid()

    def test_nothing_is_left_when_the_program_ends(self, own_sshd: Sshd, transport: str) -> None:
        with Router() as router:
            over_ssh(router, own_sshd, transport)
            assert own_sshd.session_pids()
        wait_until(lambda: not own_sshd.session_pids(), seconds(10), 'the sessions end')
        wait_until(lambda: not own_threads(), seconds(10), 'the threads end')

    def test_an_error_reaches_the_caller(self, router: Router, sshd: Sshd, transport: str) -> None:
        with pytest.raises(StartError) as raised:
            over_ssh(router, sshd, transport, port=free_port(sshd.host))
        assert raised.value.kind == 'refused'

    def test_a_server_that_says_nothing_does_not_keep_the_caller(
        self, router: Router, sshd: Sshd, transport: str
    ) -> None:
        with socket.create_server(('127.0.0.1', 0)) as silent, pytest.raises(StartError) as raised:
            over_ssh(router, sshd, transport, port=silent.getsockname()[1], timeout_s=1)
        assert raised.value.kind == 'timeout'

    def test_a_lost_server_is_noticed(self, router: Router, own_sshd: Sshd, transport: str) -> None:
        context = over_ssh(router, own_sshd, transport)
        own_sshd.kill_sessions()
        with pytest.raises(Exception, match=own_sshd.host):
            context.call(os.getpid)


def test_a_child_with_a_terminal_goes_on_once_it_is_ready(router: Router) -> None:
    """sudo and su get SIGHUP when the terminal that they asked on is closed."""

    def launch(size: int) -> tuple[process.SpawnedProcess, LoginDialogue]:
        child = process.spawn(first_stage.argv([sys.executable], size), tty=True)
        return child, LoginDialogue('child', messages.LOCAL)

    context = start_and_wait(router, 'child', launch, seconds(20))
    assert context.call(os.getpid) == context.call(os.getpid)


def own_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith('svcfw paramiko')]
