"""Which keys an ssh-agent holds: what decides as whom one gets in, where its socket is another one in every run.

ansible-runner, say, starts an agent for each run and gives it the same key. Asked in the protocol of OpenSSH's agents
(draft-miller-ssh-agent, section 3.5), once for each connection object, so for each task.
"""

import hashlib
import socket
import struct
import time

#: How long the answer may take. An agent that needs more is told from others by its socket.
TIMEOUT_S = 0.5
#: Of OpenSSH: no answer is longer.
MAX_ANSWER_BYTES = 256 * 1024

_REQUEST_IDENTITIES = b'\x00\x00\x00\x01\x0b'
_IDENTITIES_ANSWER = 12
_LENGTH = struct.Struct('>I')


def digest(path: str) -> bytes | None:
    """A name for the set of keys that the agent at `path` holds; None where it does not tell in time. Some 0.3 ms."""
    try:
        keys = _keys(_ask(path, time.monotonic() + TIMEOUT_S))
    except (OSError, ValueError, struct.error):
        return None
    return hashlib.sha256(b''.join(_LENGTH.pack(len(key)) + key for key in sorted(keys))).digest()


def _ask(path: str, deadline: float) -> bytes:
    """The body of the answer."""
    with socket.socket(socket.AF_UNIX) as agent:
        agent.settimeout(TIMEOUT_S)
        agent.connect(path)
        agent.sendall(_REQUEST_IDENTITIES)
        (size,) = _LENGTH.unpack(_receive(agent, _LENGTH.size, deadline))
        if size > MAX_ANSWER_BYTES:
            raise ValueError('the answer is too long')
        return _receive(agent, size, deadline)


def _receive(agent: socket.socket, size: int, deadline: float) -> bytes:
    data = b''
    while len(data) < size:
        agent.settimeout(max(0.001, deadline - time.monotonic()))
        chunk = agent.recv(size - len(data))
        if not chunk:
            raise ValueError('the answer is cut off')
        data += chunk
    return data


def _keys(answer: bytes) -> list[bytes]:
    """The public keys in an answer, without their comments. ValueError, struct.error for what is none."""
    if answer[:1] != bytes([_IDENTITIES_ANSWER]):
        raise ValueError('the agent refuses')
    (count,) = _LENGTH.unpack_from(answer, 1)
    start = 1 + _LENGTH.size
    strings = []
    for _ in range(2 * count):
        (size,) = _LENGTH.unpack_from(answer, start)
        start += _LENGTH.size + size
        if start > len(answer):
            raise ValueError('the answer is cut off')
        strings.append(answer[start - size : start])
    return strings[::2]
