"""LinkTurns: window of the link to one host, large enough to keep it busy, small enough not to delay calls."""

from collections import deque
from collections.abc import Callable

from svcfw.agent import ops
from svcfw.core.wire.pace import MIN_CHUNK_BYTES, Pace


class LinkTurns:
    """Counts messages that an agent acknowledges, and serves large senders in turn. Loop thread only.

    clock(): seconds, as of the loop.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._flow = Pace().flow()
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_closed = False
        self._moved_at = clock()

    def sent(self, size: int) -> None:
        """A message with `size` bytes of payload was sent."""
        if size >= ops.ACK_BYTES:
            if not self._flow.under_way:
                self._moved_at = self._clock()
            self._flow.sent(self._clock(), size)

    def acknowledged(self, total: int) -> None:
        """The agent has processed `total` bytes. Raises WindowError for an impossible number."""
        self._flow.acknowledged(self._clock(), total)
        self._moved_at = self._clock()
        self._let_go_on()

    def when_room(self, callback: Callable[[], None]) -> None:
        """Call back, in turn, when a further message may be sent; at once if there is room, or the link is gone."""
        if not self._waiting and self._has_room():
            callback()
        else:
            self._waiting.append(callback)

    def is_busy(self) -> bool:
        """Whether messages are unacknowledged or queued: puts have no answer."""
        return bool(self._waiting or self._flow.under_way)

    def under_way(self) -> int:
        """Bytes of large messages that are not acknowledged."""
        return self._flow.under_way

    def stalled_s(self) -> float:
        """For how many seconds nothing was acknowledged; 0 if nothing is unacknowledged."""
        return self._clock() - self._moved_at if self._flow.under_way else 0.0

    def chunk_bytes(self) -> int:
        """Most bytes for the next message: what the link takes in some milliseconds."""
        return self._flow.chunk_bytes() or MIN_CHUNK_BYTES

    def close(self) -> None:
        """The link is gone: call all waiting callbacks, so that they notice."""
        self._is_closed = True
        self._let_go_on()

    def _has_room(self) -> bool:
        return self._is_closed or self._flow.chunk_bytes() > 0

    def _let_go_on(self) -> None:
        while self._waiting and self._has_room():
            self._waiting.popleft()()
