import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import paramiko
import pytest

from svcfw.core.wire.errors import StartError
from svcfw.core.wire.values import Secret
from svcfw.transport.paramiko.login import Login
from svcfw.transport.paramiko.settings import settle
from svcfw.transport.spec import Spec
from tests.support.need import need_program
from tests.support.sshd import make_key
from tests.support.timing import seconds


def test_what_is_tried_is_keys_and_the_password(tmp_path: Path) -> None:
    """And no GSSAPI, whatever the configuration says."""
    make_key(need_program('sshd', 'ssh-keygen'), tmp_path / 'key')
    words = ['-F', '/dev/null', '-o', 'GSSAPIAuthentication=yes']
    spec = Spec(
        host='web1', password=Secret('x'), private_key_file=str(tmp_path / 'key'), ssh_common_args=words, env={}
    )
    # Nothing is attempted, so that the transport is never asked for anything.
    ways = Login(spec)._ways(spec, settle(spec), paramiko.Transport.__new__(paramiko.Transport))
    assert [method for method, _ in ways] == ['publickey', 'password', 'keyboard-interactive']


class Door(paramiko.ServerInterface):
    """Lets in whoever has the password, by the method that it has."""

    def __init__(self, method: str) -> None:
        self._method = method

    def get_allowed_auths(self, username: str) -> str:
        return self._method

    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.AUTH_SUCCESSFUL if password == 'right' else paramiko.AUTH_FAILED

    def check_auth_interactive(self, username: str, submethods: str) -> Any:
        return paramiko.InteractiveQuery('', '', ('Password: ', False))

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        return paramiko.AUTH_SUCCESSFUL if responses == ['right'] else paramiko.AUTH_FAILED


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server that lets one client in by this method."""
    with socket.create_server(('127.0.0.1', 0)) as listener:

        def serve() -> None:
            transport = paramiko.Transport(listener.accept()[0])
            transport.add_server_key(paramiko.ECDSAKey.generate())
            with suppress(paramiko.SSHException, EOFError):  # the client has gone
                transport.start_server(server=Door(request.param))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
    thread.join(seconds(5))


@pytest.mark.parametrize('password', ['right', 'wrong'])
@pytest.mark.parametrize('server', ['password', 'keyboard-interactive'], indirect=True)
def test_a_password_is_forgotten_once_it_was_accepted_or_refused(server: int, password: str) -> None:
    """paramiko itself would keep it as long as the connection."""
    spec = Spec(
        host='127.0.0.1', port=server, user='u', password=Secret(password), host_key_checking=False,
        ssh_args=['-F', 'none'], env={}, timeout_s=seconds(5),
    )  # fmt: skip
    login = Login(spec)
    try:
        login.connect()
        failure = None
    except StartError as exc:
        failure = exc.kind
    assert failure == (None if password == 'right' else 'auth')
    (transport,) = login._transports
    assert transport.auth_handler is not None
    assert password not in map(str, vars(transport.auth_handler).values())
    assert transport.auth_handler.interactive_handler is None
    login.close()
