"""Message: a received frame, its value decoded on demand."""

from svcfw.core.wire.errors import CallError, ChannelError, DecodeError
from svcfw.core.wire.frames import DEAD, ERROR, Frame
from svcfw.core.wire.limits import FEW_VALUES, MAX_VALUES


class Message(object):
    """One received frame. `value()` returns what was sent; `reply()` answers it."""

    __slots__ = ('frame', 'router')

    def __init__(self, router, frame):
        self.router = router
        self.frame = frame

    def __repr__(self):
        f = self.frame
        return '<Message %d->%d handle=%d reply_to=%d %d bytes>' % (f.src, f.dst, f.handle, f.reply_to, len(f.payload))

    @property
    def src_id(self):
        return self.frame.src

    @property
    def auth_id(self):
        return self.frame.auth

    @property
    def handle(self):
        return self.frame.handle

    @property
    def is_dead(self):
        """Whether this is a dead message: the notification that no message will come."""
        return bool(self.frame.flags & DEAD)

    @property
    def reason(self):
        """The reason of a dead message."""
        return self.frame.payload.decode('utf-8', 'replace')

    def value(self):
        """The value sent. Raises ChannelError for a dead message, the CallError for a failed call, DecodeError."""
        return self._decoded(MAX_VALUES)

    def small_value(self):
        """As `value`, but raises DecodeError if it has many values. For handlers: decoding blocks the loop."""
        return self._decoded(FEW_VALUES)

    def _decoded(self, max_values):
        if self.frame.flags & DEAD:
            raise ChannelError(self.reason)
        value = self.router.codec.decode(self.frame.payload, max_values)
        if self.frame.flags & ERROR:
            raise value if isinstance(value, CallError) else CallError('TypeError', 'without an error', '')
        return value

    def wants_reply(self):
        return self.frame.reply_to != 0

    def is_from(self, src_id, reply_to):
        """Whether this is the request with that reply handle from that context."""
        return self.frame.src == src_id and self.frame.reply_to == reply_to

    def reply(self, value):
        """Send `value` to the requester, if it expects a reply. Any thread."""
        self._answer(0, value)

    def fail(self, error):
        """Answer with a CallError, which is raised at the requester. Any thread."""
        self._answer(ERROR, error)

    def refuse(self, reason):
        """Answer with a dead message: ChannelError(reason) at the requester."""
        if self.wants_reply() and not self.is_dead:
            self._send(DEAD, reason.encode('utf-8', 'replace'))

    def _answer(self, flags, value):
        if self.wants_reply():
            self._send(flags, self.router.encode_for(self.frame.src, value))

    def _send(self, flags, payload):
        own_id = self.router.own_id
        self.router.send(Frame(self.frame.src, own_id, own_id, self.frame.reply_to, 0, flags, payload))


def has_parent_authority(message):
    """Policy: allows the context itself and its ancestors."""
    return message.auth_id == message.router.own_id or message.auth_id in message.router.parent_ids


def shaped(value, types):
    """A tuple of exactly these types, or DecodeError: values from peers are not trusted to have the right form."""
    if type(value) is not tuple or len(value) != len(types) or not all(map(isinstance, value, types)):
        raise DecodeError('expected a tuple of %s' % (types,))
    return value
