"""What is under way on the link to one host: so much that the link is busy, and no more, lest calls wait behind it."""

from collections import deque
from collections.abc import Callable

from svcfw.agent import ops
from svcfw.core.wire.pace import MIN_CHUNK_BYTES, Pace


class LinkFlow:
    """Counts the messages to an agent that it acknowledges, and lets those who send much take turns. Loop thread only.

    clock(): seconds, as of the loop.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._flow = Pace().flow()
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_closed = False
        self._moved_at = clock()

    def sent(self, size: int) -> None:
        """A message with so many bytes of payload was sent."""
        if size >= ops.ACK_BYTES:
            if not self._flow.under_way:
                self._moved_at = self._clock()
            self._flow.sent(self._clock(), size)

    def acknowledged(self, total: int) -> None:
        """The agent has done with so many bytes. WindowError if that cannot be."""
        self._flow.acknowledged(self._clock(), total)
        self._moved_at = self._clock()
        self._let_go_on()

    def when_room(self, callback: Callable[[], None]) -> None:
        """Call back in turn, when a further message may be sent; at once if it may be now, or the link is gone."""
        if not self._waiting and self._has_room():
            callback()
        else:
            self._waiting.append(callback)

    def is_busy(self) -> bool:
        """Whether something is under way, or waits for that: what is put is not answered."""
        return bool(self._waiting or self._flow.under_way)

    def stalled_s(self) -> float:
        """For how many seconds something has been under way with nothing acknowledged; 0 if nothing is under way."""
        return self._clock() - self._moved_at if self._flow.under_way else 0.0

    def chunk_bytes(self) -> int:
        """How much the next message should carry at most: what the link takes in some milliseconds."""
        return self._flow.chunk_bytes() or MIN_CHUNK_BYTES

    def close(self) -> None:
        """The link is gone: let all go on, to find that out."""
        self._is_closed = True
        self._let_go_on()

    def _has_room(self) -> bool:
        return self._is_closed or self._flow.chunk_bytes() > 0

    def _let_go_on(self) -> None:
        while self._waiting and self._has_room():
            self._waiting.popleft()()
