"""A fake multiplexer, and connections to it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock as mocking

import pytest

pytest.importorskip('ansible', reason='ansible-core is not installed')

from ansible import constants
from ansible.plugins.connection import ssh

from tests.support.fake_mux import FakeMux
from tests.unit.ansible.connections import make_action, make_connection, set_become


@pytest.fixture(autouse=True)
def run_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ansible-core's folder for the run: each test is one."""
    folder = tmp_path_factory.mktemp('run')
    monkeypatch.setattr(constants, 'DEFAULT_LOCAL_TMP', str(folder))
    return folder


@pytest.fixture
def mux() -> FakeMux:
    return FakeMux()


@pytest.fixture
def connect(mux: FakeMux) -> Callable[..., Any]:
    """connect(**variables): a connection to `mux`."""
    return lambda **variables: make_connection(mux, **variables)


@pytest.fixture
def connection(connect: Callable[..., Any]) -> Any:
    return connect()


@pytest.fixture
def action(connection: Any) -> Any:
    return make_action(connection)


@pytest.fixture
def stock(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What reached the stock connection, as (method, arguments)."""
    calls: list[Any] = []

    def record(name: str, answer: Any) -> None:
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            calls.append((name, args, kwargs))
            return answer

        monkeypatch.setattr(ssh.Connection, name, method)

    for name in ('exec_command', 'put_file', 'fetch_file'):
        record(name, (0, b'stock\n', b''))
    record('reset', None)
    return calls


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is shown at -v: (host, line)."""
    lines: list[tuple[str, str]] = []
    display = mocking.Mock(verbosity=1)
    display.v.side_effect = lambda line, host: lines.append((host, line))
    monkeypatch.setattr('svcfw.ansible.connection._display', display)
    return lines


@pytest.fixture
def unprivileged(action: Any) -> Iterator[Any]:
    """A task that becomes an account which is neither root nor the login."""
    set_become(action._connection, ansible_become_user='bob')
    with mocking.patch.object(type(action), '_is_become_unprivileged', return_value=True):
        yield action
