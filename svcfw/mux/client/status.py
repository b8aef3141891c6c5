"""Asks a multiplexer what is under way; starts none, and disturbs none: it is as idle as it was."""

import socket
from pathlib import Path
from typing import Any

from svcfw.core.wire.codec import Codec
from svcfw.core.wire.frames import Frame, FrameReader, pack_header
from svcfw.mux import credentials, protocol, rundir
from svcfw.mux.client import peer
from svcfw.mux.client.connecting import Silence
from svcfw.mux.client.starting import MuxError

#: For the answer. One that starts, or handles what a host floods it with, takes a second or two.
ANSWER_S = 10.0
_READ_BYTES = 256 * 1024

_codec = Codec()


def ask(runtime_dir: Path | None = None) -> dict[str, Any] | None:
    """The answer to protocol.STATUS (see svcfw.mux.server.health.status); None if no multiplexer runs.

    Raises MuxError, which names its process, if it does not answer in time; RundirError.
    """
    path = rundir.socket_path(runtime_dir or rundir.default())
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(ANSWER_S)
        try:
            sock.connect(str(path))
            if not credentials.is_same_user(sock):
                raise rundir.RundirError(f'{path} is served by another user. {rundir.ELSEWHERE}')
            payload = _codec.encode(None)
            sock.sendall(pack_header(Frame(0, 0, 0, protocol.STATUS, 1, 0, payload)) + payload)
            return _answer(sock)
        except OSError:
            return None


def _answer(sock: socket.socket) -> dict[str, Any] | None:
    reader = FrameReader()
    silence = Silence(sock, ANSWER_S)
    while data := silence.receive(_READ_BYTES):
        for frame in reader.feed(data):
            return dict(_codec.decode(frame.payload))
    if data is None:
        raise MuxError(f'the multiplexer does not answer: {peer.described(peer.pid_of(sock))}')
    return None  # it was just ending
