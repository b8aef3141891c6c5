"""Output: sends a process's output within the receiver's credit (backpressure); Timed: tells how long it took."""

from svcfw.agent import ops
from svcfw.core.wire.windows import SendWindow

#: Less than this is buffered until the end, so that short output travels with the exit status.
PART_BYTES = 256 * 1024
#: Window: 40 ms of a 100 Mbit/s link. Tasks rarely print enough for measuring the path to pay off.
WINDOW_BYTES = 2 * PART_BYTES


class Output(object):
    """The answer to one request. on_room(): called when it accepts data again after `is_full()`.

    The writer checks `is_full()` after each write of at most limits.READ_BYTES: then a part is smaller than the
    receiver's window, and no more than a part is held.
    """

    def __init__(self, message, on_room):
        self._message = message
        self._on_room = on_room
        self._window = SendWindow(WINDOW_BYTES)
        self._held = {1: bytearray(), 2: bytearray()}

    def write(self, number, data):
        """Add data to stdout (1) or stderr (2)."""
        self._held[number] += data
        self._send_part()

    def is_full(self):
        """Whether the receiver must consume data before more is accepted."""
        return self._size() >= PART_BYTES

    def grant(self, credit):
        """The receiver has consumed `credit` bytes."""
        self._window.grant(credit)
        if self.is_full():
            self._send_part()
            if not self.is_full():
                self._on_room()

    def finish(self, number, ran=()):
        """Send the rest and the result."""
        self._message.reply((ops.DONE, number, bytes(self._held[1]), bytes(self._held[2])) + ran)

    def _size(self):
        return len(self._held[1]) + len(self._held[2])

    def _send_part(self):
        size = self._size()
        if self.is_full() and self._window.available >= size:
            self._window.take(size)
            self._message.reply((ops.PART, bytes(self._held[1]), bytes(self._held[2])))
            self._held = {1: bytearray(), 2: bytearray()}


class Timed(object):
    """A request whose result includes its duration here."""

    def __init__(self, message, clock):
        self._message = message
        self._clock = clock
        self._began = clock()

    def __getattr__(self, name):
        return getattr(self._message, name)

    def reply(self, value):
        if type(value) is tuple and value[0] == ops.DONE:
            value += (int((self._clock() - self._began) * 1000000),)
        self._message.reply(value)
