"""Seal: shows a context of another account that a frame is the controller's, whoever holds the link that it comes by.

Between the two is the agent of the login account, which passes frames on and needs no key for that: it is told one to
start the context with, and drops it. A tag follows each payload, of HMAC-SHA-256 (RFC 2104).
"""

import hmac
import struct

KEY_BYTES = 32
#: Rows in which frames are numbered: those that go straight, and those that an agent passes on in their turn among its
#: own. Either may overtake the other.
STRAIGHT, RELAYED = 0, 1
#: After the payload: the number and the tag.
_TRAILER = struct.Struct('>Q32s')
#: No context has this id: the context itself, whatever its own is.
ITSELF = 0xFFFFFFFF
#: What the tag is of, and the payload: number, dst, src, auth, handle, flags.
_BOUND = struct.Struct('>QIIIIB')


class Seal(object):
    """One end. key: bytes, of KEY_BYTES, known to both; context_id: of the context, None as long as it has none.

    Within a row numbers only rise, so that a frame counts once. Where its answer goes (reply_to) is not sealed. Not
    thread-safe.
    """

    def __init__(self, key, context_id=None):
        self.context_id = context_id
        self._key = key
        self._numbers = [STRAIGHT, RELAYED]  # the last one of each row; a number's last bit is its row

    def sealed(self, frame, row=STRAIGHT):
        """What to send (bytes) as the payload of `frame`."""
        self._numbers[row] += 2
        number = self._numbers[row]
        return b''.join((frame.payload, _TRAILER.pack(number, self._tag(number, frame, frame.payload))))

    def relayed(self, frame):
        """The same for one that the agent between passes on in its turn."""
        return self.sealed(frame, RELAYED)

    def opens(self, frame):
        """Whether this is a frame of the other end that did not come before; it has its payload again then."""
        size = len(frame.payload) - _TRAILER.size
        if size < 0:
            return False
        number, tag = _TRAILER.unpack_from(frame.payload, size)
        payload, row = frame.payload[:size], number & 1
        if number <= self._numbers[row] or not hmac.compare_digest(tag, self._tag(number, frame, payload)):
            return False
        self._numbers[row] = number
        frame.payload = payload
        return True

    def _tag(self, number, frame, payload):
        dst = ITSELF if frame.dst == self.context_id else frame.dst
        bound = _BOUND.pack(number, dst, frame.src, frame.auth, frame.handle, frame.flags)
        found = hmac.new(self._key, bound, 'sha256')
        found.update(payload)
        return found.digest()
