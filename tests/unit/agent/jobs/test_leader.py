"""The leader of a session stands for its command: with its status, and for its end alone."""

import os
import pty
import signal
from collections.abc import Callable

import pytest

from svcfw.agent.jobs import leader
from tests.support.timing import seconds, wait_until

pytestmark = pytest.mark.filterwarnings('ignore:.*use of fork.*:DeprecationWarning')


def led(command: Callable[[], None]) -> tuple[int, int]:
    """(pid, terminal) of a leader on a new terminal; `command` is done by the process behind it."""
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            leader.stand_before()
            command()
        finally:
            os._exit(77)
    return pid, terminal


def status_of(pid: int, terminal: int) -> int:
    found: list[int] = []

    def look() -> bool:
        ended, status = os.waitpid(pid, os.WNOHANG)
        found.append(status)
        return ended == pid

    wait_until(look, seconds(20), 'the end of the leader')
    os.close(terminal)
    assert os.WIFEXITED(found[-1])
    return os.WEXITSTATUS(found[-1])


def test_its_status_is_the_commands() -> None:
    assert status_of(*led(lambda: os._exit(5))) == 5


def test_a_signal_is_told_as_a_shell_tells_it() -> None:
    assert status_of(*led(lambda: os.kill(os.getpid(), signal.SIGKILL))) == 128 + signal.SIGKILL


def test_what_is_meant_for_the_group_does_not_end_it() -> None:
    """The terminal's Ctrl-C reaches both; the command decides what becomes of it."""

    def command() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        os.write(1, b'up')
        os._exit(9 if signal.sigwait({signal.SIGINT}) else 1)

    pid, terminal = led(command)
    assert os.read(terminal, 2) == b'up'
    os.write(terminal, b'\x03')
    assert status_of(pid, terminal) == 9
