"""Spool: a content that passes through this context, read by those whom it is for while it still arrives.

Written on the thread that receives it, read by each Sending on its own. Small ones are in memory; the others are files
without a name, so that nobody else can open them, and nothing is left of them when the process ends.
"""

import _thread
import hashlib
import os

from svcfw.files.disk import descriptors
from svcfw.service.errors import TransferError

_ZEROS = bytes(256 * 1024)


class Spool(object):
    """`size` bytes whose SHA-256 is `digest`, with the methods of a Sink for who writes them.

    fd: a file to keep them in, which is closed with it; None: memory.
    """

    #: Whether it is kept for a while also in memory, or when it has failed, once nobody reads it any more.
    is_kept = False

    def __init__(self, digest, size, fd=None):
        self.digest = digest
        self.size = size
        #: How much has come.
        self.offset = 0
        #: Whether all has come and is right.
        self.is_complete = False
        #: Why not all of it will come (str), or None.
        self.failure = None
        #: For Spools: how many read it, whether somebody fills it.
        self.readers = 0
        self.is_filling = True
        self.is_closed = False
        self.fd = fd
        self._memory = memoryview(bytearray(size if fd is None else 0))
        self._hash = hashlib.sha256()
        self._lock = _thread.allocate_lock()
        self._waiting = []  # functions to be called once there is more

    @property
    def memory_bytes(self):
        """What it takes of memory."""
        return len(self._memory)

    # -- writing

    def write(self, data):
        """Append bytes. OSError for a full disk; TransferError once nobody wants the rest."""
        if self.failure is not None:
            raise TransferError(self.failure)
        if self.fd is None:
            self._memory[self.offset : self.offset + len(data)] = data
        else:
            descriptors.pwrite_all(self.fd, data, self.offset)
        self._count(data)
        self._advance(len(data))

    def write_zeros(self, n):
        """Append `n` zero bytes: on the disk a hole."""
        if self.fd is not None:
            os.ftruncate(self.fd, self.offset + n)
        for start in range(0, n, len(_ZEROS)):
            self._count(_ZEROS[: n - start])
        self._advance(n)

    def fill(self, store):
        """Take it from a file that is here by another name; whether that was possible. OSError for a full disk."""
        if self.fd is None or not store.holds(self.digest):
            return False
        if not store.copy_to(self.digest, self.fd):
            os.ftruncate(self.fd, 0)
            return False
        self._complete()
        return True

    def finish(self, digest):
        """All has come, and is said to be this. TransferError if it is not what was announced."""
        if not digest == self.digest == self._hash.digest():
            raise TransferError('it did not arrive as it was sent. Send it again')
        self._complete()

    def _complete(self):
        self.is_complete = True
        self._advance(self.size - self.offset)

    def fail(self, reason):
        """The rest will not come. Harmless for one that is complete. Any thread."""
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
        """At most `n` bytes from `offset` on; b'' at the end, once it is known to be right.

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
        """Whether what has come at `offset` is of use although not all will: not before the whole was checked."""
        return False

    def content(self):
        """All of it, for one in memory (bytes-like)."""
        return self._memory

    def close(self):
        """Give back what it takes, once nobody reads or writes. Idempotent."""
        self.is_closed = True
        self._memory = memoryview(b'')
        if self.fd is not None and self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Pack(Spool):
    """Contents one after the other, as they are asked for; each is checked by who receives it.

    size: what was asked for so far; most: what that may come to; places: {SHA-256: where the content begins}.
    """

    is_kept = True

    def __init__(self, most, fd=None):
        Spool.__init__(self, os.urandom(32), most, fd)
        self.size = 0
        self.places = {}

    def _count(self, data):
        """Each content is checked by who receives it."""

    def finish(self, digest=None):
        """All has come that was asked for. TransferError if it has not."""
        if self.offset != self.size:
            raise TransferError('%d of %d bytes have come' % (self.offset, self.size))
        self._complete()

    def fail(self, reason):
        """The rest will not come. What has is good."""
        if self.offset < self.size:
            Spool.fail(self, reason)

    def _is_sound(self, offset):
        return offset < self.offset


class SpoolSource(object):
    """One reader of a Spool, with the face of a Source. on_close(): called once."""

    identity = None
    path = None

    def __init__(self, spool, on_close):
        self._spool = spool
        self._on_close = on_close
        self._wake = _nothing
        self.token = spool.digest
        self.metadata = {}
        self.size = spool.size
        self.offset = 0

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    @property
    def failure(self):
        """Why not all of it can be read (str), or None."""
        return self._spool.failure

    def follow(self, wake):
        self._wake = wake

    def read(self, n, most=0):
        data = self._spool.read(self.offset, n, self._wake)
        if data is None:
            return None
        self.offset += len(data)
        is_zero = len(data) > 64 and data == _ZEROS[: len(data)]
        return len(data) if is_zero else data

    def skip(self, n):
        self.offset += n

    def again(self):
        """As Source.again; not to be used after this one was closed."""
        return SpoolSource(self._spool, _nothing)

    def digest(self):
        return self._spool.digest

    whole_digest = digest

    def trust(self, digest):
        """It is known anyway."""

    def check(self):
        """It cannot change. TransferError if the rest will not come."""
        if self._spool.failure is not None:
            raise TransferError(self._spool.failure)

    def close(self):
        """Idempotent."""
        on_close, self._on_close = self._on_close, _nothing
        on_close()


def _nothing():
    pass
