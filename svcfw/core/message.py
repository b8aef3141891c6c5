"""Message: a frame seen by the program, its value decoded on demand."""

from svcfw.core.wire.errors import CallError, ChannelError, DecodeError
from svcfw.core.wire.frames import DEAD, ERROR, Frame
from svcfw.core.wire.limits import FEW_VALUES, MAX_VALUES


class Message(object):
    """One received frame. `value()` gives what was sent; `reply()` answers it."""

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
        """Whether this is not a message but the news that none will come."""
        return bool(self.frame.flags & DEAD)

    @property
    def reason(self):
        """Of a dead message: why."""
        return self.frame.payload.decode('utf-8', 'replace')

    def value(self):
        """The value sent. Raises ChannelError for a dead message, the CallError for a failed call, DecodeError."""
        return self._decoded(MAX_VALUES)

    def small_value(self):
        """The same; DecodeError where it consists of many values. For handlers: others wait while they decode."""
        return self._decoded(FEW_VALUES)

    def _decoded(self, max_values):
        if self.frame.flags & DEAD:
            raise ChannelError(self.reason)
        value = self.router.codec.decode(self.frame.payload, max_values)
        if self.frame.flags & ERROR:
            raise value if isinstance(value, CallError) else CallError('TypeError', 'error reply without an error', '')
        return value

    def wants_reply(self):
        return self.frame.reply_to != 0

    def is_from(self, src_id, reply_to):
        """Whether this is what a context asked with that handle for the answer."""
        return self.frame.src == src_id and self.frame.reply_to == reply_to

    def reply(self, value):
        """Send `value` to whom asked, if he wants an answer. Any thread."""
        self._answer(0, value)

    def fail(self, error):
        """Answer with a CallError, which is raised where the answer is taken. Any thread."""
        self._answer(ERROR, error)

    def refuse(self, reason):
        """Answer that there is nobody to answer: ChannelError(reason) at the other end."""
        if self.wants_reply() and not self.is_dead:
            self._send(DEAD, reason.encode('utf-8', 'replace'))

    def _answer(self, flags, value):
        if self.wants_reply():
            self._send(flags, self.router.encode_for(self.frame.src, value))

    def _send(self, flags, payload):
        own_id = self.router.own_id
        self.router.send(Frame(self.frame.src, own_id, own_id, self.frame.reply_to, 0, flags, payload))


def has_parent_authority(message):
    """Policy: only the context itself and those above it."""
    return message.auth_id == message.router.own_id or message.auth_id in message.router.parent_ids


def shaped(value, types):
    """A tuple of exactly these types, or DecodeError: what a peer sent is not trusted to have the right form."""
    if type(value) is not tuple or len(value) != len(types) or not all(map(isinstance, value, types)):
        raise DecodeError('expected a tuple of %s' % (types,))
    return value
