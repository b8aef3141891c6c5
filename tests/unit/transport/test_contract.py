"""What a transport gives a Starter is the same for all of them, and for the fakes that stand for them."""

import inspect
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from svcfw.agent.children import _Child
from svcfw.transport.contract import Dialogue, Process
from svcfw.transport.dialogue import LoginDialogue
from svcfw.transport.paramiko import ChannelProcess
from svcfw.transport.process import SpawnedProcess, spawn
from tests.support.timing import seconds, wait_until
from tests.support.transports import FakeDialogue, FakeProcess


def methods(kind: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(function)
        for name, function in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith('_')
    }


@pytest.mark.parametrize(
    ('base', 'kind'),
    [
        (Process, SpawnedProcess),
        (Process, ChannelProcess),
        (Process, FakeProcess),
        (Dialogue, LoginDialogue),
        (Dialogue, _Child),
        (Dialogue, FakeDialogue),
    ],
)
def test_each_takes_what_the_contract_says(base: type, kind: type) -> None:
    assert issubclass(kind, base)
    own = methods(kind)
    for name, signature in methods(base).items():
        assert list(own[name].parameters) == list(signature.parameters), name


def spawned() -> tuple[Process, Callable[[], Any]]:
    return spawn(['/bin/sh', '-c', 'read x; exit 3'], pipes_in=True), lambda: None


def faked() -> tuple[Process, Callable[[], Any]]:
    fake = FakeProcess()
    return fake, lambda: fake.end(3)


@pytest.fixture(params=[spawned, faked])
def started(request: pytest.FixtureRequest) -> Iterator[tuple[Process, Callable[[], Any]]]:
    process, let_end = request.param()
    yield process, let_end
    process.kill()
    process.close()
    wait_until(lambda: process.poll() is not None, seconds(20), 'the end')


def test_it_runs_until_it_ends(started: tuple[Process, Callable[[], Any]]) -> None:
    process, let_end = started
    assert process.poll() is None
    os.write(process.in_fd, b'go\n')  # type: ignore[arg-type]
    let_end()
    wait_until(lambda: process.poll() is not None, seconds(20), 'the end')
    assert process.poll() == 3
    process.close_tty()
    process.close_tty()


def test_what_is_released_is_the_callers(started: tuple[Process, Callable[[], Any]]) -> None:
    process, _ = started
    fds: Any = process.release()
    assert all(not os.get_blocking(fd) for fd in fds)
    assert (process.in_fd, process.out_fd, process.err_fd) == (None, None, None)
    process.close()
    for fd in set(fds):
        os.close(fd)


def test_one_that_is_killed_has_ended(started: tuple[Process, Callable[[], Any]]) -> None:
    process, _ = started
    process.kill()
    process.kill()
    wait_until(lambda: process.poll() is not None, seconds(20), 'the end')
    assert process.poll() != 0


def test_a_fake_shows_what_it_was_sent() -> None:
    fake = FakeProcess()
    in_fd, out_fd, err_fd = fake.release()
    with socket.socket(fileno=in_fd) as link:
        link.sendall(b'second stage')
        assert fake.far.recv(100) == b'second stage'
    os.close(err_fd)
    assert out_fd == in_fd
    fake.end(0)
