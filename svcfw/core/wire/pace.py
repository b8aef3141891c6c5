"""Pace: congestion control of transfers, so that links are full and other messages are not delayed.

A window fixed in bytes is too small for a long, fast path, or fills the queues of a slow one, and every call then waits
behind them. So the window follows measurements: it grows while data is acknowledged as fast as on an empty path,
and shrinks when the path's queues delay it by more than `TARGET_S`. The ideas are those of TCP Vegas (Brakmo and
Peterson, 1995), LEDBAT (RFC 6817) and, for probing the empty path, BBR (Cardwell et al., 2016).
Sans-I/O: times are seconds on the caller's monotonic clock. Any thread.
"""

import _thread
import collections

from svcfw.core.wire.errors import WindowError

#: Delay in the path's queues to aim at, beyond the time that the path itself takes.
TARGET_S = 0.025
#: Initial window: 20 ms of a 100 Mbit/s link.
FIRST_BYTES = 256 * 1024
#: Smallest window; 5 ms of a 100 Mbit/s link.
MIN_BYTES = 64 * 1024
#: Largest window: what a path of 1 Gbit/s and 100 ms takes with the queue aimed at; a receiver has to hold it.
MAX_BYTES = 16 * 1024 * 1024
#: How long a measurement of the empty path is valid. Then the window is small for a round trip, to measure again.
BASE_TTL_S = 10.0
#: One message carries what the path takes in this time, because nothing overtakes it.
CHUNK_S = 0.01
MIN_CHUNK_BYTES = 8 * 1024
MAX_CHUNK_BYTES = 256 * 1024


class Pace(object):
    """The path to one context, shared by all transfers to it.

    window: bytes that all of them together may have unacknowledged.
    """

    def __init__(self):
        self.window = FIRST_BYTES
        self._base_s = None  # shortest time from sending to acknowledgement: that of an empty path
        self._base_at = 0.0
        self._rate = 0.0
        self._is_starting = True
        self._resized_at = 0.0
        self._heard_at = None  # time of the first acknowledgement in this round trip
        self._least_s = 0.0  # shortest time from sending to acknowledgement in it
        self._resumes_at = 0  # window after the measurement of the empty path
        self._flows = 0
        self._under_way = 0
        self._is_limiting = False
        self._lock = _thread.allocate_lock()

    def flow(self):
        """A new Flow, for one transfer."""
        with self._lock:
            self._flows += 1
        return Flow(self)

    def bytes_per_second(self):
        """Measured speed of the path; 0.0 while unknown."""
        return self._rate

    # -- for its flows; with the lock held

    def _chunk_bytes(self):
        if not self._rate:
            return MIN_CHUNK_BYTES * 8
        return int(max(MIN_CHUNK_BYTES, min(self._rate * CHUNK_S, MAX_CHUNK_BYTES, self.window // 4)))

    def _room(self, under_way):
        room = min(self.window - self._under_way, self.window // self._flows - under_way)
        if room <= 0:
            self._is_limiting = True
        return max(0, room)

    def _measured(self, now, sent_at, n, was_under_way):
        """`n` bytes were acknowledged, the last `now - sent_at` after it was sent, behind `was_under_way` others."""
        delay = max(now - sent_at, 1e-6)
        rate = was_under_way / delay
        self._rate = rate if not self._rate else self._rate + (rate - self._rate) / 8
        if self._resumes_at:
            self._look_at_empty_path(now, delay, was_under_way)
            return
        if self._base_s is None or delay < self._base_s:
            self._base_s, self._base_at = delay, now
        elif now - self._base_at > BASE_TTL_S:
            self._resumes_at, self.window = self.window, MIN_BYTES
            return
        queued = delay - self._base_s
        if queued > TARGET_S:
            self._is_starting = False
        elif self._is_limiting:
            # Doubled in each round trip at first, then less and less the nearer the target.
            self._resize(self.window + n * (1 if self._is_starting else (1 - queued / TARGET_S) / 4))
            self._is_limiting = False
        if sent_at >= self._resized_at:  # earlier data says nothing about the present window
            self._judge(now, sent_at, delay, self._base_s)

    def _judge(self, now, sent_at, delay, base_s):
        """Shrink the window if everything in a whole round trip has waited in queues. A single delay may be due to a
        busy machine, and says nothing about the path."""
        if self._heard_at is None:
            self._heard_at, self._least_s = now, delay
        self._least_s = min(self._least_s, delay)
        if sent_at >= self._heard_at:
            if self._least_s > base_s + TARGET_S:
                self._resized_at = now
                self._resize(self.window * (base_s + TARGET_S) / self._least_s)
            self._heard_at = None

    def _look_at_empty_path(self, now, delay, was_under_way):
        if was_under_way <= 2 * MIN_BYTES:
            self._base_s, self._base_at = delay, now
            self.window, self._resumes_at = self._resumes_at, 0
            self._resized_at, self._heard_at = now, None

    def _resize(self, window):
        self.window = int(max(MIN_BYTES, min(window, MAX_BYTES)))


class Flow(object):
    """The sender's side of one transfer: what it may send, and what was acknowledged."""

    def __init__(self, pace):
        self._pace = pace
        self._sent = 0
        self._acknowledged = 0
        self._marks = collections.deque()
        self._is_open = True

    @property
    def total_acknowledged(self):
        return self._acknowledged

    def bytes_per_second(self):
        """Measured speed of the path; 0.0 while unknown."""
        return self._pace.bytes_per_second()

    @property
    def under_way(self):
        """Unacknowledged bytes."""
        return self._sent - self._acknowledged

    def chunk_bytes(self):
        """Most bytes for the next message; 0: wait for an acknowledgement.

        A whole chunk, or what is left of the window when nothing is unacknowledged: few messages rather than many
        small.
        """
        with self._pace._lock:
            chunk, room = self._pace._chunk_bytes(), self._pace._room(self.under_way)
            if not self.under_way:
                return max(MIN_CHUNK_BYTES, min(chunk, room))
            if room >= chunk:
                return chunk
            self._pace._is_limiting = True
            return 0

    def sent(self, now, n):
        """`n` bytes were sent."""
        with self._pace._lock:
            self._sent += n
            self._pace._under_way += n
            self._marks.append((self._sent, now, self._pace._under_way))

    def acknowledged(self, now, total):
        """The receiver has processed `total` bytes of this transfer. Raises WindowError if that is impossible."""
        with self._pace._lock:
            if not self._acknowledged <= total <= self._sent:
                raise WindowError('acknowledged %d bytes, only %d were sent' % (total, self._sent))
            n = total - self._acknowledged
            self._acknowledged = total
            self._pace._under_way -= n
            mark = None
            while self._marks and self._marks[0][0] <= total:
                mark = self._marks.popleft()
            if mark is not None:
                self._pace._measured(now, mark[1], n, mark[2])

    def close(self):
        """The transfer has ended: its unacknowledged bytes do not count any more. Idempotent."""
        with self._pace._lock:
            if self._is_open:
                self._is_open = False
                self._pace._flows -= 1
                self._pace._under_way -= self.under_way
                self._marks.clear()
