"""Reader: a regular file that is read for a transfer."""

import errno
import hashlib
import os
import stat

from svcfw.files.contract import ContentReader, or_zeros, zeros
from svcfw.files.disk import descriptors
from svcfw.files.disk.accounts import Accounts
from svcfw.files.disk.descriptors import COPY_BYTES
from svcfw.files.disk.paths import decoded, encoded
from svcfw.service.errors import TransferError

#: Zeros are hashed like anything else: after so many others may have a turn.
LONGEST_HOLE_BYTES = 64 * 1024 * 1024


def identity(status):
    """Identity and version of a file (tuple of int), from its os.stat_result."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def metadata(status):
    """Metadata (dict): size, mode (permission bits), owner, group (names, or numbers as text), mtime_ns, atime_ns."""
    accounts = Accounts()
    return {
        'size': status.st_size,
        'mode': stat.S_IMODE(status.st_mode),
        'owner': accounts.user(status.st_uid) or str(status.st_uid),
        'group': accounts.group(status.st_gid) or str(status.st_gid),
        'mtime_ns': status.st_mtime_ns,
        'atime_ns': status.st_atime_ns,
    }


class Reader(ContentReader):
    """One open file, read from `offset` on. For one thread at a time; a context manager.

    path: str or bytes; follows: whether it may be a symlink; dir_fd: the folder that `path` is relative to. Raises
    OSError if it cannot be opened, TransferError if it is not a regular file.
    """

    def __init__(self, path, follows=True, dir_fd=None):
        self.path = decoded(path)
        flags = descriptors.READ | (0 if follows else os.O_NOFOLLOW)
        self._fd = descriptors.open_quietly(encoded(path), flags, dir_fd)
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.path)
            raise TransferError('%s is not a regular file' % self.path)
        self.identity = identity(status)
        self.metadata = metadata(status)
        self.size = status.st_size
        self._rewind()

    def _rewind(self):
        self.offset = 0
        self._data_ends = 0  # no hole before this offset
        self._hash = hashlib.sha256()
        self._known = None

    def fileno(self):
        return self._fd

    def again(self):
        """Another Reader of the same open file, from its beginning, closed on its own."""
        other = Reader.__new__(Reader)
        other.path, other.size = self.path, self.size
        other.identity, other.metadata = self.identity, self.metadata
        other._fd = os.dup(self._fd)
        other._rewind()
        return other

    def trust(self, digest):
        """Use `digest` (bytes) as that of the whole file and stop hashing. The caller must call `check` at the end."""
        self._known = digest

    @property
    def token(self):  # type: ignore[override]
        """Identifies this version of this file (bytes)."""
        return repr(self.identity).encode()

    def whole(self):
        """The whole content (bytes) of a small file. TransferError as for `read` and `check`."""
        data = b''
        while len(data) < self.size:
            part = self.read(self.size)
            data += bytes(part) if type(part) is int else part
        self.check()
        return data

    def read(self, n, most=LONGEST_HOLE_BYTES):
        """The next at most `n` bytes; an int for so many zero bytes in their place, at most `most`; b'' at the end.

        Raises TransferError if the file has become shorter.
        """
        hole = min(self._hole(), most)
        if hole:
            self._advance_over_zeros(hole)
            return hole
        data = os.pread(self._fd, min(n, self.size - self.offset), self.offset)
        if not data and self.offset < self.size:
            raise self.changed()
        self.offset += len(data)
        if self._known is None:
            self._hash.update(data)
        return or_zeros(data)

    def skip(self, n):
        """Skip `n` bytes; they are hashed all the same. TransferError as for `read`."""
        if self._known is not None:
            self.offset += n
            return
        while n:
            data = os.pread(self._fd, min(n, COPY_BYTES), self.offset)
            if not data:
                raise self.changed()
            self._hash.update(data)
            self.offset += len(data)
            n -= len(data)

    def digest(self):
        """The SHA-256 (bytes) of all that was read and skipped; after `trust`, that of the whole file."""
        return self._hash.digest() if self._known is None else self._known

    def whole_digest(self):
        """The SHA-256 of the whole file, which is read for it; does not move the position. Raises TransferError."""
        digest = hash_of(self._fd, self.size)
        if digest is None:
            raise self.changed()
        self.check()
        return digest

    def check(self):
        """Raise TransferError if the file was written to since it was opened. Replacing it by rename is harmless."""
        status = os.fstat(self._fd)
        if (status.st_size, status.st_mtime_ns) != (self.size, self.metadata['mtime_ns']):
            raise self.changed()

    def close(self):
        """Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _hole(self):
        """Length of the hole at the position, as the file system reports it."""
        if self.offset < self._data_ends or self.offset >= self.size or not hasattr(os, 'SEEK_DATA'):
            return 0
        try:
            begins = min(os.lseek(self._fd, self.offset, os.SEEK_DATA), self.size)
        except OSError as e:
            if e.errno != errno.ENXIO:
                self._data_ends = self.size  # the file system does not report holes
                return 0
            begins = self.size
        if begins == self.offset:
            self._data_ends = os.lseek(self._fd, self.offset, os.SEEK_HOLE)
        return begins - self.offset

    def _advance_over_zeros(self, n):
        self.offset += n
        if self._known is None:
            for part in zeros(n):
                self._hash.update(part)

    def changed(self):
        """The TransferError for a file that was changed."""
        return TransferError('%s was modified during the transfer. Send it again when nothing writes to it' % self.path)


class Content(ContentReader):
    """Bytes in memory. digest: their SHA-256; metadata: of the file they are for."""

    def __init__(self, content, digest, metadata):
        self._content = memoryview(content)
        self._digest = digest
        self.token = digest
        self.metadata = metadata
        self.size = len(content)
        self.offset = 0

    def read(self, n, most=LONGEST_HOLE_BYTES):
        data = bytes(self._content[self.offset : self.offset + n])
        self.offset += len(data)
        return or_zeros(data)

    def whole(self):
        return bytes(self._content)

    def digest(self):
        return self._digest

    whole_digest = digest

    def again(self):
        """Another one, from its beginning."""
        return Content(self._content, self._digest, self.metadata)


def hash_of(fd, size):
    """SHA-256 (bytes) of the first `size` bytes of a descriptor; None if there are fewer."""
    digest = hashlib.sha256()
    offset = 0
    while offset < size:
        data = os.pread(fd, min(COPY_BYTES, size - offset), offset)
        if not data:
            return None
        digest.update(data)
        offset += len(data)
    return digest.digest()
