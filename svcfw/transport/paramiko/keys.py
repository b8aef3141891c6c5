"""Keys to offer to a server, in the order of ssh. Blocks while an agent answers."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import paramiko
from paramiko.agent import AgentSSH
from paramiko.pkey import PublicBlob

from svcfw.transport.paramiko.settings import Settings
from svcfw.transport.spec import Spec


class Keys:
    """Iterates over keys, each read when its turn comes; a context manager that holds a connection to the agent.

    notes: list that gets a clause for each configured key that cannot be used.
    """

    def __init__(self, settings: Settings, spec: Spec, notes: list[str]) -> None:
        self._settings = settings
        self._spec = spec
        self._notes = notes
        self._connection = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> Keys:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def __iter__(self) -> Iterator[paramiko.PKey]:
        """Configured keys (from the agent if it has them), then the agent's others."""
        agent = self._from_agent()
        public = {path: _public_half(path) for path in self._settings.key_files}
        for path, blob in public.items():
            by_agent = [key for key in agent if key.asbytes() == blob]
            if by_agent:
                yield by_agent[0]
            elif os.path.exists(path):
                yield from self._load(path, self._spec.passphrase)
            elif path == self._spec.private_key_file:
                self._notes.append(f'{path} does not exist')
        if not self._settings.named_keys_only:
            yield from (key for key in agent if key.asbytes() not in public.values())

    def _from_agent(self) -> tuple[Any, ...]:
        if not self._settings.agent_socket:
            return ()
        self._connection.settimeout(self._spec.timeout_s)
        try:
            self._connection.connect(self._settings.agent_socket)
            return _Agent(self._connection).get_keys()
        except (OSError, paramiko.SSHException):
            return ()  # as ssh does: an agent that does not answer has no keys

    def _load(self, path: str, passphrase: str | None) -> Iterator[paramiko.PKey]:
        secret: Any = None if passphrase is None else passphrase.encode()  # also of a Secret, whose str() is none
        try:
            yield paramiko.PKey.from_path(path, secret)
        except TypeError:
            # Missing passphrase, or one for a key without.
            if passphrase is not None:
                yield from self._load(path, None)
            else:
                self._notes.append(f'{path} needs a passphrase')
        except (ValueError, OSError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as exc:
            self._notes.append(f'{path} cannot be used ({type(exc).__name__}; wrong passphrase or unknown format)')


class _Agent(AgentSSH):
    """The agent behind a given socket, not necessarily this process's."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connect(connection)  # type: ignore[attr-defined]


def _public_half(path: str) -> bytes | None:
    for candidate in (path + '.pub', path):
        try:
            with open(candidate, encoding='ascii') as lines:
                return PublicBlob.from_string(lines.readline()).key_blob
        except (OSError, ValueError):
            continue
    return None
