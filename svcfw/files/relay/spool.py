"""Spool: a content that is relayed: receivers read it while it still arrives.

Written on the thread that receives it, read by each Sending on its own thread. Small ones are in memory; the others
are unnamed files, which no other process can open and which vanish with this one.
"""

import _thread
import hashlib
import os

from svcfw.files.contract import ContentReader, ContentWriter, or_zeros, zeros
from svcfw.files.disk import descriptors
from svcfw.service.errors import TransferError


class Spool(ContentWriter):
    """`size` bytes whose SHA-256 is `digest`.

    fd: a file for the content, closed with the Spool; None: memory.
    """

    #: Whether it is kept for a while after its last reader, also in memory and after a failure.
    is_kept = False

    def __init__(self, digest, size, fd=None):
        self.digest = digest
        self.size = size
        #: Bytes that have arrived.
        self.offset = 0
        #: Whether all has arrived and is verified.
        self.is_complete = False
        #: Why the rest will not arrive (str), or None.
        self.failure = None
        #: For Spools: number of readers, and whether it is being filled.
        self.readers = 0
        self.is_filling = True
        self.is_closed = False
        self.fd = fd
        self._memory = memoryview(bytearray(size if fd is None else 0))
        self._hash = hashlib.sha256()
        self._lock = _thread.allocate_lock()
        self._waiting = []  # callbacks for when more has arrived

    @property
    def memory_bytes(self):
        """Bytes of memory that it occupies."""
        return len(self._memory)

    # -- writing

    def write(self, data):
        """Append bytes. Raises OSError for a full disk, TransferError once no reader is left."""
        if self.failure is not None:
            raise TransferError(self.failure)
        if self.fd is None:
            self._memory[self.offset : self.offset + len(data)] = data
        else:
            descriptors.pwrite_all(self.fd, data, self.offset)
        self._count(data)
        self._advance(len(data))

    def write_zeros(self, n):
        """Append `n` zero bytes; on disk a hole."""
        if self.fd is not None:
            os.ftruncate(self.fd, self.offset + n)
        for part in zeros(n):
            self._count(part)
        self._advance(n)

    def fill(self, store):
        """Copy the content from the store; returns whether it was there. Raises OSError for a full disk."""
        if self.fd is None or not store.holds(self.digest):
            return False
        if not store.copy_to(self.digest, self.fd):
            os.ftruncate(self.fd, 0)
            return False
        self._complete()
        return True

    def finish(self, digest):
        """All has arrived; verify it. Raises TransferError if the checksum does not match."""
        if not digest == self.digest == self._hash.digest():
            raise TransferError('it did not arrive as it was sent. Send it again')
        self._complete()

    def _complete(self):
        self.is_complete = True
        self._advance(self.size - self.offset)

    def fail(self, reason):
        """The rest will not arrive. No-op for a complete one. Any thread."""
        if not self.is_complete and self.failure is None:
            self.failure = reason
            self._advance(0)

    def _count(self, data):
        self._hash.update(data)

    def _advance(self, n):
        with self._lock:
            self.offset += n
            waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()

    # -- reading; any thread

    def read(self, offset, n, wake):
        """At most `n` bytes from `offset` on; b'' at the end, once the content is verified.

        None: they have not come yet, and `wake()` will be called. TransferError if they will not.
        """
        with self._lock:
            arrived = self.offset
            if self.failure is not None and not self._is_sound(offset):
                raise TransferError(self.failure)
            if offset >= arrived and not self.is_complete:
                self._waiting.append(wake)
                return None
        n = min(n, arrived - offset)
        if n <= 0:
            return b''
        data = self._memory[offset : offset + n] if self.fd is None else os.pread(self.fd, n, offset)
        if not data:
            raise TransferError('what was kept of it on the way is gone')
        return bytes(data)

    def _is_sound(self, offset):
        """Whether bytes at `offset` may be used after a failure: no, because only the whole is verified."""
        return False

    def content(self):
        """The whole content of one in memory (bytes-like)."""
        return self._memory

    def close(self):
        """Free memory or file, once there is neither reader nor writer. Idempotent."""
        self.is_closed = True
        self._memory = memoryview(b'')
        if self.fd is not None and self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Pack(Spool):
    """Contents one after the other, in the order of the requests; the receiver of each checks it.

    size: what was asked for so far; most: what that may come to; places: {SHA-256: where the content begins}.
    """

    is_kept = True

    def __init__(self, most, fd=None):
        Spool.__init__(self, os.urandom(32), most, fd)
        self.size = 0
        self.places = {}

    def _count(self, data):
        """No-op: the receiver of each content checks it."""

    def finish(self, digest=None):
        """All requested contents have arrived. Raises TransferError if they have not."""
        if self.offset != self.size:
            raise TransferError('%d of %d bytes have come' % (self.offset, self.size))
        self._complete()

    def fail(self, reason):
        """The rest will not arrive. Contents that have arrived stay valid."""
        if self.offset < self.size:
            Spool.fail(self, reason)

    def _is_sound(self, offset):
        return offset < self.offset


class SpoolReader(ContentReader):
    """One reader of a Spool. on_close(): called once."""

    path = None

    def __init__(self, spool, on_close):
        self._spool = spool
        self._on_close = on_close
        self._wake = _nothing
        self.token = spool.digest
        self.metadata = {}
        self.size = spool.size
        self.offset = 0

    @property
    def failure(self):  # type: ignore[override]
        return self._spool.failure

    def follow(self, wake):
        self._wake = wake

    def read(self, n, most=0):
        data = self._spool.read(self.offset, n, self._wake)
        if data is None:
            return None
        self.offset += len(data)
        return or_zeros(data)

    def again(self):
        """Another one, from its beginning; call it before this one is closed."""
        return SpoolReader(self._spool, _nothing)

    def digest(self):
        return self._spool.digest

    whole_digest = digest

    def check(self):
        """The content cannot change. Raises TransferError if the rest will not arrive."""
        if self._spool.failure is not None:
            raise TransferError(self._spool.failure)

    def close(self):
        """Idempotent."""
        on_close, self._on_close = self._on_close, _nothing
        on_close()


def _nothing():
    pass
