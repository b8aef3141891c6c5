"""Signature: hashes of the blocks of a copy."""

from hashlib import sha256
from os import pread

from svcfw.core.wire.errors import DecodeError

#: The block size is the power of two nearest to half the square root of the file's size (rsync takes the root), so that
#: signature and cost of one changed byte grow alike: 4 KiB and 192 KiB of signature for a file of 64 MiB.
MIN_BLOCK_BYTES = 4 * 1024
MAX_BLOCK_BYTES = 1024 * 1024

#: Bytes kept of each block's SHA-256: two of a million blocks collide with odds of 1 to 10 ** 12, and then the digest
#: of the whole file, which is always checked, does not match.
HASH_BYTES = 10

#: The first bytes (probe) of each eighth block are included. A matched block leads to its neighbours by their hashes.
PROBE_BYTES = 16
PROBE_EVERY = 8

_PIECE_BYTES = 1024 * 1024


def block_size(size):
    """The block size for a file of `size` bytes."""
    found = MIN_BLOCK_BYTES
    while 4 * found * found < size and found < MAX_BLOCK_BYTES:
        found *= 2
    return found


class Signature(object):
    """Hashes of the blocks of a copy.

    size: bytes of the copy; block_bytes; hashes: HASH_BYTES of each block, the last of which may be shorter; probes:
    PROBE_BYTES of each PROBE_EVERYth block, zero bytes where that is shorter.
    """

    __slots__ = ('block_bytes', 'hashes', 'probes', 'size')

    def __init__(self, size, block_bytes, hashes, probes):
        self.size = size
        self.block_bytes = block_bytes
        self.hashes = hashes
        self.probes = probes

    def pack(self):
        """The signature as a value for the wire."""
        return self.size, self.block_bytes, self.hashes, self.probes

    @classmethod
    def unpack(cls, value):
        """The Signature in a value that a peer sent. Raises DecodeError."""
        if type(value) is not tuple or list(map(type, value)) != [int, int, bytes, bytes]:
            raise DecodeError('malformed signature: expected (size, block size, hashes, probes)')
        size, block_bytes, hashes, probes = value
        if not MIN_BLOCK_BYTES <= block_bytes <= MAX_BLOCK_BYTES or block_bytes & (block_bytes - 1) or size < 0:
            raise DecodeError('malformed signature: %d bytes in blocks of %d' % (size, block_bytes))
        count = -(-size // block_bytes)
        if len(hashes) != count * HASH_BYTES or len(probes) != -(-count // PROBE_EVERY) * PROBE_BYTES:
            raise DecodeError('malformed signature: %d bytes of hashes for %d blocks' % (len(hashes), count))
        return cls(*value)


def signature(fd, size):
    """The Signature of the first `size` bytes of the file `fd`, or of fewer if it is shorter. Raises OSError."""
    block_bytes = block_size(size)
    hashes = []
    probes = []
    offset = 0
    while offset < size:
        data = pread(fd, min(_PIECE_BYTES, size - offset), offset)
        if len(data) % block_bytes and offset + len(data) < size:
            data = read_at(fd, data, min(_PIECE_BYTES, size - offset), offset)
        if not data:
            break
        view = memoryview(data)
        for start in range(0, len(data), block_bytes):
            if len(hashes) % PROBE_EVERY == 0:
                probes.append(data[start : start + PROBE_BYTES].ljust(PROBE_BYTES, b'\0'))
            hashes.append(block_hash(view[start : start + block_bytes]))
        offset += len(data)
    return Signature(min(offset, size), block_bytes, b''.join(hashes), b''.join(probes))


def block_hash(data):
    return sha256(data).digest()[:HASH_BYTES]


def read_at(fd, data, n, offset):
    """`data`, which was read at `offset`, completed to `n` bytes; fewer at the end of the file."""
    while len(data) < n:
        more = pread(fd, n - len(data), offset + len(data))
        if not more:
            break
        data = data + more if data else more
    return data
