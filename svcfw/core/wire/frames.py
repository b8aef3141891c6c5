"""Frames: the units on a link, a fixed header and a payload.

The header, big-endian, 28 bytes: magic, version, flags, dst, src, auth, handle, reply_to, payload length.
"""

import struct

from svcfw.core.wire.errors import FrameError
from svcfw.core.wire.limits import MAX_FRAME_BYTES

#: Flags. DEAD: the peer or its handle is gone, the payload is the reason in UTF-8.
DEAD = 1
#: The payload is an encoded CallError.
ERROR = 2
#: No frame follows on this link; the other fields of the frame are ignored.
GOODBYE = 4

MAGIC = 0x5677
VERSION = 1
HEADER = struct.Struct('>HBBIIIIII')
HEADER_BYTES = HEADER.size
#: Pieces of a payload below this size are copied together.
SMALL_BYTES = 4096
_KNOWN_FLAGS = DEAD | ERROR | GOODBYE


class Frame(object):
    """One message.

    dst, src: context ids; auth: id of the context on whose authority it was sent; handle: of the receiver within dst;
    reply_to: handle within src for the answer, 0 for none; flags; payload: bytes. Ids and handles have 32 bits.
    """

    __slots__ = ('auth', 'dst', 'flags', 'handle', 'payload', 'reply_to', 'src')

    def __init__(self, dst, src, auth, handle, reply_to=0, flags=0, payload=b''):
        self.dst = dst
        self.src = src
        self.auth = auth
        self.handle = handle
        self.reply_to = reply_to
        self.flags = flags
        self.payload = payload

    def __repr__(self):
        return 'Frame(dst=%r, src=%r, auth=%r, handle=%r, reply_to=%r, flags=%r, %d bytes)' % (
            self.dst,
            self.src,
            self.auth,
            self.handle,
            self.reply_to,
            self.flags,
            len(self.payload),
        )


def pack_header(frame):
    """The header for `frame.payload`, which the caller writes itself without copying.

    Raises FrameError for a payload above MAX_FRAME_BYTES and for ids that are not 32-bit unsigned ints.
    """
    size = len(frame.payload)
    if size > MAX_FRAME_BYTES:
        raise FrameError('payload of %d bytes is above the limit of %d' % (size, MAX_FRAME_BYTES))
    try:
        return HEADER.pack(
            MAGIC, VERSION, frame.flags, frame.dst, frame.src, frame.auth, frame.handle, frame.reply_to, size
        )
    except struct.error as e:
        raise FrameError('%r cannot be sent: %s' % (frame, e)) from e


class FrameReader(object):
    """Splits a stream of bytes into frames. Linear in the number of bytes, however they are cut."""

    def __init__(self, max_bytes=MAX_FRAME_BYTES):
        self._max_bytes = max_bytes
        #: Part of a header, to be completed.
        self._header = b''
        #: The frame whose header is complete, the pieces of its payload, and the number of missing bytes.
        self._begun = None
        self._parts = []
        self._missing = 0

    def feed(self, data):
        """Take the next bytes of the stream; returns the frames that they complete.

        Buffers what has arrived, never what a header merely announces. Raises FrameError for a malformed header;
        earlier frames in the same `data` are lost then, and the reader is unusable.
        """
        frames = []
        start = 0
        if self._begun is not None:
            start = self._missing
            self._add(data[:start])
            if self._missing:
                return frames
            frames.append(self._complete())
        elif self._header:
            data = self._header + data
        end = len(data)
        while end - start >= HEADER_BYTES:
            magic, version, flags, dst, src, auth, handle, reply_to, size = HEADER.unpack_from(data, start)
            if magic != MAGIC or version != VERSION or flags & ~_KNOWN_FLAGS or size > self._max_bytes:
                raise _header_error(magic, version, flags, size, self._max_bytes)
            start += HEADER_BYTES
            payload = data[start : start + size]
            frame = Frame(dst, src, auth, handle, reply_to, flags, payload)
            start += size
            if start > end:
                self._begun, self._missing = frame, size
                self._add(payload)
                break
            frames.append(frame)
        self._header = data[start:]
        return frames

    def _add(self, data):
        """Append a piece of the current payload; small ones are joined."""
        self._missing -= len(data)
        if len(data) >= SMALL_BYTES:
            self._parts.append(data)
        elif self._parts and type(self._parts[-1]) is bytearray:
            self._parts[-1] += data
        else:
            self._parts.append(bytearray(data))

    def _complete(self):
        frame = self._begun
        frame.payload = b''.join(self._parts)
        self._begun, self._parts = None, []
        return frame


def _header_error(magic, version, flags, size, limit):
    if magic != MAGIC or version != VERSION:
        return FrameError('malformed frame: magic %#06x, version %d, not %d' % (magic, version, VERSION))
    if flags & ~_KNOWN_FLAGS:
        return FrameError('unknown flags %#04x' % flags)
    return FrameError('payload of %d bytes is above the limit of %d' % (size, limit))
