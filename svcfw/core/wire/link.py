"""Link: the state machine of a link between two neighbours: its start, its frames, its end."""

from svcfw.core.wire.errors import ChannelError, LinkError, ProtocolError
from svcfw.core.wire.frames import GOODBYE, Frame, FrameReader, pack_header
from svcfw.core.wire.limits import MAX_FRAME_BYTES, MAX_NOISE_BYTES

#: States. Before the peer's marker; the same, after our goodbye.
WAITING = 'waiting for its marker'
LEAVING = 'left before its marker'
#: Frames flow both ways; after our goodbye; after the peer's.
OPEN = 'open'
CLOSING = 'left by us'
LEFT = 'left by the peer'
#: Ended in order; ended after an error.
CLOSED = 'closed'
FAILED = 'failed'

#: Events.
MARKER = 'a marker'
RECEIVE = 'a frame'
RECEIVE_GOODBYE = 'a goodbye'
EOF = 'the end of the stream'
SEND = 'sending'
SEND_GOODBYE = 'saying goodbye'

#: The transitions; a missing entry is the error. Sending while WAITING is allowed: the pipe holds it.
TRANSITIONS = {
    (WAITING, MARKER): OPEN,
    (WAITING, SEND): WAITING,
    (WAITING, SEND_GOODBYE): LEAVING,
    (WAITING, EOF): FAILED,
    (LEAVING, MARKER): CLOSING,
    (LEAVING, EOF): CLOSED,
    (OPEN, RECEIVE): OPEN,
    (OPEN, SEND): OPEN,
    (OPEN, RECEIVE_GOODBYE): LEFT,
    (OPEN, SEND_GOODBYE): CLOSING,
    (OPEN, EOF): FAILED,
    (CLOSING, RECEIVE): CLOSING,
    (CLOSING, RECEIVE_GOODBYE): CLOSED,
    (CLOSING, EOF): CLOSED,
    (LEFT, SEND_GOODBYE): CLOSED,
    (LEFT, EOF): CLOSED,
    (CLOSED, EOF): CLOSED,
    (FAILED, EOF): FAILED,
}


class Noise(object):
    """Event: bytes before the marker: output of a login, or a prompt."""

    __slots__ = ('data',)

    def __init__(self, data):
        self.data = data


class Ready(object):
    """Event: the marker has arrived, frames follow."""

    __slots__ = ()


class Goodbye(object):
    """Event: the peer sends no more frames."""

    __slots__ = ()


class Closed(object):
    """Event: the stream has ended; `clean` after a goodbye of either side."""

    __slots__ = ('clean',)

    def __init__(self, clean):
        self.clean = clean


class Link(object):
    """The protocol of one link, sans-I/O.

    marker: bytes that the peer writes before its first frame; None if the stream has only frames.
    max_frame_bytes: the largest payload that the peer may send.
    Not thread-safe, except that receiving and sending may be concurrent.
    """

    def __init__(self, marker=None, max_frame_bytes=MAX_FRAME_BYTES):
        self.state = WAITING if marker else OPEN
        self._marker = marker
        self._noise_bytes = 0
        self._held = b''
        self._reader = FrameReader(max_frame_bytes)

    def receive_data(self, data):
        """Take the next bytes of the stream, at least one; returns a list of Frame, Noise, Ready and Goodbye.

        Raises LinkError or FrameError if the peer breaks the protocol; drop the link then.
        """
        try:
            events: list = []
            if self._marker:
                data = self._find_marker(data, events)
            frames = self._reader.feed(data)
            for frame in frames:
                if self.state != OPEN or frame.flags & GOODBYE:
                    self._step_for_each(frames)
                    break
            return events + frames if events else frames
        except ProtocolError:
            self.state = FAILED
            raise

    def receive_eof(self):
        """The stream has ended; returns Closed."""
        self._step(EOF)
        return Closed(self.state == CLOSED)

    def frame_header(self, frame):
        """The bytes to send before `frame.payload`. Raises ChannelError after a goodbye of either side; FrameError."""
        if self.state != OPEN:  # the common state needs no transition
            self._step(SEND)
        return pack_header(frame)

    def goodbye(self):
        """The bytes of a goodbye. Raises ChannelError if it was sent before, or the link has ended."""
        self._step(SEND_GOODBYE)
        return pack_header(Frame(0, 0, 0, 0, 0, GOODBYE))

    def _step(self, event):
        try:
            self.state = TRANSITIONS[self.state, event]
        except KeyError:
            if event in (SEND, SEND_GOODBYE):
                raise ChannelError('%s on a link that is %s' % (event, self.state)) from None
            raise LinkError('%s came on a link that is %s' % (event, self.state)) from None

    def _find_marker(self, data, events):
        """Split off noise and marker; returns what follows them."""
        data = self._held + data
        at = data.find(self._marker)
        noise = data[:at] if at >= 0 else data[: len(data) - _overlap(data, self._marker)]
        self._noise_bytes += len(noise)
        if self._noise_bytes > MAX_NOISE_BYTES:
            raise LinkError('more than %d bytes came before the marker' % MAX_NOISE_BYTES)
        if noise:
            events.append(Noise(noise))
        if at < 0:
            self._held = data[len(noise) :]
            return b''
        self._step(MARKER)
        rest = data[at + len(self._marker) :]
        self._marker, self._held = None, b''
        events.append(Ready())
        return rest

    def _step_for_each(self, frames):
        """Apply frames to the state; turns goodbyes into events, raises for frames that are not allowed."""
        for i, frame in enumerate(frames):
            if frame.flags & GOODBYE:
                self._step(RECEIVE_GOODBYE)
                frames[i] = Goodbye()
            else:
                self._step(RECEIVE)


def _overlap(data, marker):
    """Length of the longest end of `data` that is a beginning of `marker`."""
    for size in range(min(len(data), len(marker) - 1), 0, -1):
        if data.endswith(marker[:size]):
            return size
    return 0
