"""Frames: the units that travel on a link, a fixed header and a payload.

The header, big-endian, 28 bytes: magic, version, flags, dst, src, auth, handle, reply_to, payload length.
"""

import struct

from svcfw.core.wire.errors import FrameError
from svcfw.core.wire.limits import MAX_FRAME_BYTES

#: Flags. DEAD: the peer or its handle is gone, the payload is the reason in UTF-8.
DEAD = 1
#: The payload is an encoded CallError.
ERROR = 2
#: No frame follows on this link; nothing else in the frame counts.
GOODBYE = 4

MAGIC = 0x5677
VERSION = 1
HEADER = struct.Struct('>HBBIIIIII')
HEADER_BYTES = HEADER.size
#: A piece of a payload below this size is copied rather than kept as an object of its own.
SMALL_BYTES = 4096
_KNOWN_FLAGS = DEAD | ERROR | GOODBYE


class Frame(object):
    """One message on its way.

    dst, src: context ids; auth: id of the context on whose authority it was sent; handle: whom it is for within dst;
    reply_to: handle within src for the answer, 0 for none; flags; payload: bytes. Ids and handles are 32 bits wide.
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
    """The bytes that go before `frame.payload`, which the caller sends itself and so need not copy.

    Raises FrameError for a payload above MAX_FRAME_BYTES and for ids that are no 32-bit unsigned ints.
    """
    size = len(frame.payload)
    if size > MAX_FRAME_BYTES:
        raise FrameError('a payload of %d bytes is above the limit of %d' % (size, MAX_FRAME_BYTES))
    try:
        return HEADER.pack(
            MAGIC, VERSION, frame.flags, frame.dst, frame.src, frame.auth, frame.handle, frame.reply_to, size
        )
    except struct.error as e:
        raise FrameError('%r cannot be sent: %s' % (frame, e)) from e


class FrameReader(object):
    """Cuts a stream of bytes into frames. Linear in the bytes fed, however they are split."""

    def __init__(self, max_bytes=MAX_FRAME_BYTES):
        self._max_bytes = max_bytes
        #: A piece of a header, which the next bytes go on with.
        self._header = b''
        #: The frame whose header is there, what there is of its payload, and how many bytes are missing.
        self._begun = None
        self._parts = []
        self._missing = 0

    def feed(self, data):
        """Take the next bytes of the stream; returns the frames that they complete.

        Holds what has arrived, never what a header merely announces. Raises FrameError for a bad header; the frames
        before it in the same `data` are lost then, and the reader is of no further use.
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
        """Keep a piece of the payload that has begun; small ones together."""
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
        return FrameError('no frame of version %d: magic %#06x, version %d' % (VERSION, magic, version))
    if flags & ~_KNOWN_FLAGS:
        return FrameError('unknown flags %#04x' % flags)
    return FrameError('a payload of %d bytes is announced, the limit is %d' % (size, limit))
