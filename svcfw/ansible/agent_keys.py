"""Identifies the keys in an ssh-agent, for agents whose socket has another path in every run.

ansible-runner, for example, starts an agent for each run and gives it the same keys. Uses the protocol of OpenSSH's
agents (draft-miller-ssh-agent, section 3.5), once for each connection object, that is for each task.
"""

import hashlib
import socket
import struct
import time

#: Time for the answer. A slower agent is identified by its socket.
TIMEOUT_S = 0.5
#: OpenSSH's limit of an answer.
MAX_ANSWER_BYTES = 256 * 1024

_REQUEST_IDENTITIES = b'\x00\x00\x00\x01\x0b'
_IDENTITIES_ANSWER = 12
_LENGTH = struct.Struct('>I')


def digest(path: str) -> bytes | None:
    """Digest of the set of keys in the agent at `path`; None if it does not answer in time. Takes some 0.3 ms."""
    try:
        keys = _keys(_ask(path, time.monotonic() + TIMEOUT_S))
    except (OSError, ValueError, struct.error):
        return None
    return hashlib.sha256(b''.join(_LENGTH.pack(len(key)) + key for key in sorted(keys))).digest()


def _ask(path: str, deadline: float) -> bytes:
    """The body of the agent's answer."""
    with socket.socket(socket.AF_UNIX) as agent:
        agent.settimeout(TIMEOUT_S)
        agent.connect(path)
        agent.sendall(_REQUEST_IDENTITIES)
        (size,) = _LENGTH.unpack(_receive(agent, _LENGTH.size, deadline))
        if size > MAX_ANSWER_BYTES:
            raise ValueError('answer of the ssh-agent too long')
        return _receive(agent, size, deadline)


def _receive(agent: socket.socket, size: int, deadline: float) -> bytes:
    data = b''
    while len(data) < size:
        agent.settimeout(max(0.001, deadline - time.monotonic()))
        chunk = agent.recv(size - len(data))
        if not chunk:
            raise ValueError('answer of the ssh-agent truncated')
        data += chunk
    return data


def _keys(answer: bytes) -> list[bytes]:
    """The public keys in an answer, without comments. Raises ValueError, struct.error for a malformed answer."""
    if answer[:1] != bytes([_IDENTITIES_ANSWER]):
        raise ValueError('the ssh-agent refuses to list its keys')
    (count,) = _LENGTH.unpack_from(answer, 1)
    start = 1 + _LENGTH.size
    strings = []
    for _ in range(2 * count):
        (size,) = _LENGTH.unpack_from(answer, start)
        start += _LENGTH.size + size
        if start > len(answer):
            raise ValueError('answer of the ssh-agent truncated')
        strings.append(answer[start - size : start])
    return strings[::2]
