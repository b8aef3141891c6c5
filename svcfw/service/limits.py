"""Limits of a pool: those per service that its maker sets, overriding the class attributes, and of bytes held."""

import collections

from svcfw.core.wire.frames import Frame
from svcfw.service.errors import PoolError, RefusedError

#: Of those that came by one link, and of all together; one that comes alone may be as large as a message can be.
MAX_OF_LINK_BYTES = 128 * 1024 * 1024
MAX_BYTES = 256 * 1024 * 1024
#: Smaller ones are not counted: their number is bounded.
COUNTED_BYTES = 4096


def checked(limits):
    """`limits`, validated: {service name: {'max_running': int or None, 'max_waiting': int}}. Raises PoolError."""
    if type(limits) is not dict:
        raise PoolError('limits must be a dict of service names, not %r' % (limits,))
    for name, values in limits.items():
        if type(values) is not dict:
            raise PoolError('limits of %s must be a dict, not %r' % (name, values))
        for limit, value in values.items():
            if not _is_limit(limit, value):
                raise PoolError('invalid limit of %s: %s=%r' % (name, limit, value))
    return limits


def _is_limit(limit, value):
    if limit == 'max_running' and value is None:
        return True
    return limit in ('max_running', 'max_waiting') and type(value) is int and value > 0


class Held(object):
    """How many bytes of calls one pool holds: those that wait, and those that run, until their messages are no more.

    `admit` is for the loop's thread."""

    def __init__(self, router):
        self._router = router
        self._bytes = collections.Counter()  # by link
        #: (link, bytes) of messages that are no more. They end on any thread, under any lock.
        self.given_back = collections.deque()

    def admit(self, msg):
        """Count a message for as long as there is its frame. RefusedError where it would be too much."""
        size = len(msg.frame.payload)
        if size <= COUNTED_BYTES:
            return
        while self.given_back:
            link, given_back = self.given_back.popleft()
            self._bytes[link] -= given_back
            if not self._bytes[link]:
                del self._bytes[link]
        link = self._router.link_for(msg.src_id)
        of_link, of_all = self._bytes[link], sum(self._bytes.values())
        if (of_link and of_link + size > MAX_OF_LINK_BYTES) or (of_all and of_all + size > MAX_BYTES):
            raise RefusedError('%d bytes of calls are waiting already. Send fewer at a time' % (of_link or of_all))
        self._bytes[link] += size
        msg.frame = _Counted(msg.frame, self, link)


class _Counted(Frame):
    __slots__ = ('_held', '_link')

    def __init__(self, frame, held, link):
        Frame.__init__(self, frame.dst, frame.src, frame.auth, frame.handle, frame.reply_to, frame.flags, frame.payload)
        self._held = held
        self._link = link

    def __del__(self):
        self._held.given_back.append((self._link, len(self.payload)))
