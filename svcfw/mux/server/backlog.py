"""Requests of one client: in the queue, and decoded when it is their turn."""

from collections import deque
from typing import Any

from svcfw.agent import requests
from svcfw.core.stream import Stream
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.frames import Frame
from svcfw.mux.requests import BY_OPERATION

#: Requests queued while a context starts; further ones stay in the socket (backpressure).
MAX_BACKLOG_BYTES = 1024 * 1024


class ClientRequest:
    """One request of the client: its target, and what it asks for (`content`). Raises DecodeError, ValueError."""

    def __init__(self, number: int, value: Any) -> None:
        self.number = number
        #: Whether a stale context has refused it.
        self.was_stale = False
        self.link, self.become_key, self.timeout_s, operation, values = value
        self.content: requests.Request = requests.decoded(operation, values, BY_OPERATION)

    @property
    def is_waited_for(self) -> bool:
        return bool(self.number)


class Backlog:
    """Requests of one client that wait for their turn, still encoded. Beyond the limit its stream is not read."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._frames: deque[Frame] = deque()
        #: Of the requests that wait.
        self.size_bytes = 0
        self._is_paused = False

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: Frame, stream: Stream) -> None:
        self._frames.append(frame)
        self.size_bytes += len(frame.payload)
        if self.size_bytes > MAX_BACKLOG_BYTES and not self._is_paused:
            self._is_paused = True
            stream.pause_reading()

    def take(self, stream: Stream) -> ClientRequest:
        """The next one. Raises DecodeError, ValueError."""
        frame = self._frames.popleft()
        self.size_bytes -= len(frame.payload)
        if self._is_paused and not self._frames:
            self._is_paused = False
            stream.resume_reading()
        return ClientRequest(frame.reply_to, self._codec.decode(frame.payload))

    def clear(self) -> None:
        self._frames.clear()
