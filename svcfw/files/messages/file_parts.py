"""FileParts encodes a file as messages, FilePlace writes a file from them.

(DATA, bytes), (PACKED, zlib bytes), (ZEROS, n), (COPY, offset, n) of what the receiver has at the place already; the
END has the SHA-256 and the size of the whole.
"""

import zlib

from svcfw.core.wire.errors import DecodeError
from svcfw.files.disk.reader import LONGEST_HOLE_BYTES
from svcfw.files.sending import END, WAIT
from svcfw.service.errors import TransferError

DATA, PACKED, ZEROS, COPY = 'data', 'packed', 'zeros', 'copy'
#: zlib level 1 compresses about 90 MiB/s: only slower paths gain from it.
PACKED_BELOW_BYTES_PER_S = 40 * 1024 * 1024
#: A part is sent compressed if at most this fraction of it is left.
PACKED_TO = 0.9

_SHAPES = {DATA: (bytes,), PACKED: (bytes,), ZEROS: (int,), COPY: (int, int)}


class FileParts(object):
    """The messages of a ContentReader from its position on.

    pieces: what to send, as `svcfw.files.delta.blocks.match` says, if not all; packs: use zlib on slow paths.
    done: how many bytes of the file have been taken apart; is_starved: whether it waits for the source, of which no
    more has come.
    """

    def __init__(self, source, pieces=None, packs=False):
        self._source = source
        self._pieces = pieces
        self._packs = packs
        self.is_starved = False
        self._left = 0  # of the piece of data that is being sent

    def begin(self, sending):
        self._source.follow(sending.wake)

    @property
    def done(self):
        return self._source.offset

    def next(self, n, bytes_per_second):
        """A message with at most `n` bytes; WAIT if the source has no more data yet; None at the end.

        Raises TransferError if the file was modified.
        """
        source = self._source
        if self._pieces is None:
            part = source.read(n)
            self.is_starved = part is None
            if self.is_starved:
                return WAIT
            return self._message(part, bytes_per_second) if part else None
        if not self._left:
            kind, offset, self._left = next(self._pieces, (DATA, 0, 0))
            if kind == COPY:
                length, self._left = self._left, 0
                source.skip(length)
                return COPY, offset, length
            if not self._left:
                return None
        part = source.read(min(n, self._left), min(self._left, LONGEST_HOLE_BYTES))
        self._left -= part if type(part) is int else len(part)
        return self._message(part, bytes_per_second)

    def end(self):
        """The last message. Raises TransferError if the file was modified."""
        self._source.check()
        return END, self._source.digest(), self._source.offset

    def close(self):
        self._source.close()

    def _message(self, part, bytes_per_second):
        if type(part) is int:
            return ZEROS, part
        if self._packs and 0 < bytes_per_second < PACKED_BELOW_BYTES_PER_S:
            packed = zlib.compress(part, 1)
            if len(packed) <= PACKED_TO * len(part):
                return PACKED, packed
        return DATA, part


class FilePlace(object):
    """Writes a file from messages.

    writer: a ContentWriter; finish(digest) puts its content in its place, or raises; copies: a
    descriptor of what is at the place already. size: how many bytes there will be, set before the
    first message is taken.
    """

    def __init__(self, writer, finish, size=0, copies=None):
        self.size = size
        self._writer = writer
        self._finish = finish
        self._copies = copies

    @property
    def done(self):
        return self._writer.offset

    def take(self, message, kind, *arguments):
        """Process one message. Raises TransferError, DecodeError, OSError."""
        if _SHAPES.get(kind) != tuple(map(type, arguments)):
            raise DecodeError('no part of a file')
        room = self.size - self._writer.offset
        if kind == ZEROS:
            self._require_room(arguments[0], min(room, LONGEST_HOLE_BYTES))
            self._writer.write_zeros(arguments[0])
        elif kind == COPY:
            offset, length = arguments
            self._require_room(length, room)
            if self._copies is None or offset < 0:
                raise TransferError('it is to be copied from nowhere')
            self._writer.copy(self._copies, offset, length)
        else:
            data = arguments[0] if kind == DATA else _unpacked(arguments[0], min(room, LONGEST_HOLE_BYTES))
            self._require_room(len(data), room)
            self._writer.write(data)

    def end(self, digest, size):
        """Finish after the last message; returns the digest. Raises TransferError, OSError."""
        if type(digest) is not bytes or size != self.size or self._writer.offset != size:
            raise TransferError('%d of %d bytes have come' % (self._writer.offset, self.size))
        self._finish(digest)
        return digest

    def _require_room(self, n, room):
        if not 0 <= n <= room:
            raise TransferError('it is longer than it was said to be')


def _unpacked(packed, room):
    """Decompress; TransferError for invalid data, or more than `room` bytes."""
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, room + 1)
    except zlib.error as e:
        raise TransferError('it is not packed as it should be: %s' % e) from None
    if not unpacker.eof or len(data) > room:
        raise TransferError('it is longer than it was said to be')
    return data
