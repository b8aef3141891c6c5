"""SendWindow: credit-based backpressure. The receiver grants credit, the sender spends it; amounts are bytes."""

from svcfw.core.wire.errors import WindowError
from svcfw.core.wire.limits import MAX_WINDOW_BYTES, WINDOW_BYTES


class SendWindow(object):
    """The sender's side. available: credit left."""

    def __init__(self, credit=WINDOW_BYTES):
        self.available = credit

    def take(self, n):
        """Spend up to `n` bytes of credit; returns how many may be sent now. After 0 the caller waits for a grant."""
        allowed = min(n, self.available)
        self.available -= allowed
        return allowed

    def grant(self, n):
        """Add credit that the receiver sent. WindowError if `n` is negative or exceeds MAX_WINDOW_BYTES in all."""
        if n < 0 or self.available + n > MAX_WINDOW_BYTES:
            raise WindowError(
                'a grant of %d bytes on top of %d: expected 0 to %d in all' % (n, self.available, MAX_WINDOW_BYTES)
            )
        self.available += n
