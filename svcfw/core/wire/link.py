"""One link between two neighbouring contexts: its start, its frames, its end."""

from svcfw.core.wire.errors import ChannelError, LinkError, ProtocolError
from svcfw.core.wire.frames import GOODBYE, Frame, FrameReader, pack_header
from svcfw.core.wire.limits import MAX_FRAME_BYTES, MAX_NOISE_BYTES

#: States. The peer's marker has not come yet; the same, and we have said goodbye.
WAITING = 'waiting for its marker'
LEAVING = 'left before its marker'
#: Frames flow both ways; we have said goodbye; the peer has.
OPEN = 'open'
CLOSING = 'left by us'
LEFT = 'left by the peer'
#: Ended as it should; ended as it should not.
CLOSED = 'closed'
FAILED = 'failed'

#: What can happen.
MARKER = 'a marker'
RECEIVE = 'a frame'
RECEIVE_GOODBYE = 'a goodbye'
EOF = 'the end of the stream'
SEND = 'sending'
SEND_GOODBYE = 'saying goodbye'

#: A missing entry is the error. Sending while WAITING is allowed: the pipe holds it until the peer reads.
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
    """Event: bytes before the marker; what a login prints, or prompts with."""

    __slots__ = ('data',)

    def __init__(self, data):
        self.data = data


class Ready(object):
    """Event: the marker has come, frames follow."""

    __slots__ = ()


class Goodbye(object):
    """Event: the peer sends no more frames."""

    __slots__ = ()


class Closed(object):
    """Event: the stream has ended; `clean` if one side had said goodbye before."""

    __slots__ = ('clean',)

    def __init__(self, clean):
        self.clean = clean


class Link(object):
    """The protocol of one link; bytes in, events out.

    marker: bytes that the peer writes before its first frame; None where the stream holds nothing but frames.
    max_frame_bytes: the largest payload that the peer may send.
    Not thread-safe, but receiving and sending need not exclude each other.
    """

    def __init__(self, marker=None, max_frame_bytes=MAX_FRAME_BYTES):
        self.state = WAITING if marker else OPEN
        self._marker = marker
        self._noise_bytes = 0
        self._held = b''
        self._reader = FrameReader(max_frame_bytes)

    def receive_data(self, data):
        """Take the next bytes of the stream, at least one; returns a list of Frame, Noise, Ready and Goodbye.

        Raises LinkError or FrameError when the peer breaks the protocol; drop the link then.
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
        """Tell that the stream has ended; returns Closed."""
        self._step(EOF)
        return Closed(self.state == CLOSED)

    def frame_header(self, frame):
        """What to send right before `frame.payload`. ChannelError after a goodbye of either side; FrameError."""
        if self.state != OPEN:  # where it changes nothing
            self._step(SEND)
        return pack_header(frame)

    def goodbye(self):
        """What to send to tell the peer that no frame follows. ChannelError when said before, or the link is over."""
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
        """Where frames may change the state, or may not come; goodbyes among them become events."""
        for i, frame in enumerate(frames):
            if frame.flags & GOODBYE:
                self._step(RECEIVE_GOODBYE)
                frames[i] = Goodbye()
            else:
                self._step(RECEIVE)


def _overlap(data, marker):
    """Length of the longest end of `data` with which `marker` begins."""
    for size in range(min(len(data), len(marker) - 1), 0, -1):
        if data.endswith(marker[:size]):
            return size
    return 0
