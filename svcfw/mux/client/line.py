"""Line: a client's frames to and from its multiplexer, whose waits end.

A task may take hours, so an answer has no bound. But a multiplexer that is there says so every few seconds to each
client that waits (protocol.ALIVE): one that has said nothing for a minute is stopped, or hangs.
"""

import socket
from collections import deque

from svcfw.core.wire.errors import ChannelError
from svcfw.core.wire.frames import Frame, FrameReader, pack_header
from svcfw.mux import protocol

#: Prefix of the reason if the multiplexer is gone, not only a context.
GONE = 'the multiplexer is gone'
#: Silence is counted in looks, so that a time in which everything stood still (a laptop that sleeps, a container that
#: is frozen) counts as one.
LOOK_S = 10.0
LOOKS = 6
_READ_BYTES = 256 * 1024


class Line:
    """The socket of a client that was welcomed, or has nothing to wait for yet. For one thread.

    pid: the multiplexer's, 0 if it is not known.
    """

    def __init__(self, sock: socket.socket, pid: int = 0) -> None:
        self._socket = sock
        self._pid = pid
        self._reader = FrameReader()
        self._frames: deque[Frame] = deque()
        sock.settimeout(LOOK_S)

    def send(self, frame: Frame) -> None:
        """Send a frame; waits while the multiplexer takes none, as long as it is there. ChannelError."""
        rest = memoryview(pack_header(frame) + frame.payload)
        silent = 0
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
                silent = 0
            except TimeoutError as exc:
                silent = 0 if self._has_heard() else self._still_silent(silent, exc)
            except OSError as exc:
                raise ChannelError(gone(exc)) from exc

    def receive(self) -> Frame:
        """The next frame; waits as long as the multiplexer is there. ChannelError."""
        silent = 0
        while not self._frames:
            try:
                data = self._socket.recv(_READ_BYTES)
                silent = 0
            except TimeoutError as exc:
                silent = self._still_silent(silent, exc)
                continue
            except OSError as exc:
                raise ChannelError(gone(exc)) from exc
            self._take(data)
        return self._frames.popleft()

    def _take(self, data: bytes) -> None:
        if not data:
            raise ChannelError(gone(None))
        self._frames.extend(frame for frame in self._reader.feed(data) if frame.handle != protocol.ALIVE)

    def _has_heard(self) -> bool:
        """Whether the multiplexer has said something while it takes nothing."""
        try:
            self._take(self._socket.recv(_READ_BYTES, socket.MSG_DONTWAIT))
        except (BlockingIOError, TimeoutError):
            return False
        except OSError as exc:
            raise ChannelError(gone(exc)) from exc
        return True

    def _still_silent(self, silent: int, exc: TimeoutError) -> int:
        if silent + 1 < LOOKS:
            return silent + 1
        from svcfw.mux.client import peer

        silent_s = LOOKS * LOOK_S
        raise ChannelError(
            f'{GONE} for this task: it has said nothing for {silent_s:.0f} s; {peer.described(self._pid)}.'
            ' The next task asks again, and starts another one if it does not answer'
        ) from exc


def gone(exc: OSError | None) -> str:
    how = f' ({exc.strerror})' if exc else ''
    return f'{GONE}{how}. The next task starts another one'
