"""Credit windows: how much of a stream may be under way, so that a slow reader bounds what is held for it.

The receiver grants credit, the sender spends it. Amounts are bytes.
"""

from svcfw.core.wire.errors import WindowError
from svcfw.core.wire.limits import MAX_WINDOW_BYTES, WINDOW_BYTES


class SendWindow(object):
    """The sender's side.

    available: credit left; starved: whether `take` ever gave less than was asked since the sender last set it to False.
    A sender that tells the receiver of it lets the window grow.
    """

    def __init__(self, credit=WINDOW_BYTES):
        self.available = credit
        self.starved = False

    def take(self, n):
        """Spend up to `n`; returns how much may be sent now, perhaps 0: then wait for a grant."""
        allowed = min(n, self.available)
        self.available -= allowed
        if allowed < n:
            self.starved = True
        return allowed

    def grant(self, n):
        """Add the credit that the receiver has sent. WindowError for what no receiver would grant."""
        if n < 0 or self.available + n > MAX_WINDOW_BYTES:
            raise WindowError('a grant of %d bytes on top of %d' % (n, self.available))
        self.available += n


class ReceiveWindow(object):
    """The receiver's side.

    size: bytes that may be under way or waiting to be consumed; grows up to `maximum`.
    """

    def __init__(self, size=WINDOW_BYTES, maximum=MAX_WINDOW_BYTES):
        self.size = size
        self._maximum = maximum
        self._credit = size
        self._waiting = 0
        self._owed = 0
        self._starved = False

    def received(self, n, starved=False):
        """Count data that arrived. starved: the sender says that it had to wait for credit before.

        Raises WindowError when it is more than was granted.
        """
        if not 0 <= n <= self._credit:
            raise WindowError('%d bytes arrived, %d were granted' % (n, self._credit))
        self._credit -= n
        self._waiting += n
        self._starved = self._starved or starved

    def consumed(self, n):
        """Count data that was used and is held no more; returns the credit to grant now, 0 for none yet.

        Grants come in halves of the window, for each costs a message. The window doubles when the sender had to wait
        although nothing waited here: then the path is longer than the window. A slow reader gets no larger one.
        """
        if not 0 <= n <= self._waiting:
            raise ValueError('%d bytes consumed, %d had arrived' % (n, self._waiting))
        self._waiting -= n
        self._owed += n
        if self._owed * 2 < self.size:
            return 0
        if self._starved and not self._waiting:
            growth = min(self.size, self._maximum - self.size)
            self.size += growth
            self._owed += growth
        grant, self._owed, self._starved = self._owed, 0, False
        self._credit += grant
        return grant
