"""Store: contents that a context has, by SHA-256, so that none is sent there twice.

A content is kept in memory, as a reference to a file that has it, or in a cache folder, if one was granted.
"""

import os
import stat
from _thread import allocate_lock
from hashlib import sha256

from svcfw.core import load
from svcfw.files.disk import descriptors
from svcfw.files.disk.paths import encoded
from svcfw.files.disk.reader import identity
from svcfw.files.store.lru import Lru

MEMORY_BYTES = 64 * 1024 * 1024
FOLDER_BYTES = 1024 * 1024 * 1024

#: Contents in memory; each takes some 500 bytes besides its size.
MAX_ENTRIES = 65536

#: References to files; each takes some 700 bytes.
MAX_REFERENCES = 16384

DIGEST_BYTES = 32

#: Bytes per read and write of a copy: fits the CPU's cache between hashing and writing.
PIECE_BYTES = 256 * 1024


class Store(object):
    """Contents by digest (32 bytes).

    memory_bytes: bound of contents in memory; folder: path of a cache folder (see CacheFolder), or None;
    folder_bytes: its bound. Raises CacheFolderError for an unusable folder.

    Any thread. The lock is not held during file I/O.
    """

    def __init__(self, memory_bytes=MEMORY_BYTES, folder=None, folder_bytes=FOLDER_BYTES):
        self._lock = allocate_lock()
        self._memory = Lru(MAX_ENTRIES, memory_bytes)
        self._references = Lru(MAX_REFERENCES, None)
        self._folder = None
        if folder is not None:
            self._folder = load('svcfw.files.store.cache_folder').CacheFolder(folder, folder_bytes)

    # -- adding

    def put(self, digest, content):
        """Keep `content` (bytes-like) if there is room. Raises ValueError if its digest is another."""
        content = bytes(content)
        if sha256(content).digest() != digest:
            raise ValueError('checksum mismatch of a content of %d bytes' % len(content))
        with self._lock:
            self._memory.put(digest, len(content), content)
        if self._folder is not None:
            self._folder.put(digest, (content,), len(content))

    def put_file(self, digest, fd):
        """Copy a descriptor's file to the cache folder, if there is one; does not move its position.

        For contents that may not fit into memory. Returns whether it is kept. Raises ValueError as `put`, OSError if
        the file cannot be read.
        """
        if self._folder is None:
            return False
        pieces = _Verified(fd, digest)
        size = os.fstat(fd).st_size
        return self._folder.put(digest, pieces, size)

    def refer(self, digest, path):
        """Remember that the file `path` (str, bytes, PathLike), which this account wrote, has that content.

        The reference is valid as long as the file's identity does not change; it is read anew each time. Does nothing
        if
        it is not a regular file by now. Raises ValueError for an invalid `digest`.
        """
        _check(digest)
        path = os.path.abspath(encoded(os.fspath(path)))
        present = _identity_of(path)
        if present is not None:
            with self._lock:
                self._references.put(digest, present[2], (path, present))

    # -- queries

    def holds(self, digest):
        """Whether the content is there; a referenced file is not read for that."""
        return self.holds_itself(digest)

    def holds_itself(self, digest):
        """As `holds`, without asking anybody."""
        if self._in_memory(digest) is not None or self._reference(digest) is not None:
            return True
        return self._folder is not None and _is_digest(digest) and self._folder.holds(digest)

    def of_size(self, size):
        """The digests of the contents of `size` bytes (set). `holds` may have dropped one since."""
        with self._lock:
            found = self._memory.by_size.get(size, set()) | self._references.by_size.get(size, set())
        if self._folder is not None:
            found.update(digest for digest, each in self._folder.sizes().items() if each == size)
        return found

    # -- retrieving

    def get(self, digest):
        """The content (bytes), verified, or None.

        None also for a file larger than the bound of memory: use `copy_to`.
        """
        content = self._in_memory(digest)
        if content is not None:
            return content
        for fd, drop in self._files(digest):
            content = self._read(fd)
            if content is not None and sha256(content).digest() == digest:
                with self._lock:
                    self._memory.put(digest, len(content), content)
                return content
            if content is not None:
                drop()
        return None

    def copy_to(self, digest, out_fd, offset=0):
        """Write the content to a descriptor, from file offset `offset` on; does not move its position.

        True: done and verified. False: the content is not there, or its file has changed and was dropped; the caller
        truncates what has been written. Raises OSError if it cannot be written.
        """
        content = self._in_memory(digest)
        if content is not None:
            descriptors.pwrite_all(out_fd, content, offset)
            return True
        for fd, drop in self._files(digest):
            if _copy(fd, out_fd, offset) == digest:
                return True
            drop()
        return False

    # -- inside

    def _in_memory(self, digest):
        with self._lock:
            return self._memory.get(digest)

    def _reference(self, digest):
        """The valid (path, identity), or None."""
        with self._lock:
            reference = self._references.get(digest)
        if reference is not None and _identity_of(reference[0]) != reference[1]:
            self._drop_reference(digest, reference)
            return None
        return reference

    def _drop_reference(self, digest, reference):
        with self._lock:
            if self._references.get(digest) is reference:
                self._references.drop(digest)

    def _files(self, digest):
        """Open files that should have the content: yields (descriptor, function that drops the file)."""
        reference = self._reference(digest)
        fd = _open_reference(*reference) if reference is not None else -1
        if fd >= 0:
            try:
                yield fd, lambda: self._drop_reference(digest, reference)
            finally:
                os.close(fd)
        fd = self._folder.open(digest) if self._folder is not None and _is_digest(digest) else None
        if fd is not None:
            try:
                yield fd, lambda: self._folder.drop(digest)
            finally:
                os.close(fd)

    def _read(self, fd):
        """The content of a file, b'' if it cannot be read; None if it is too large for memory."""
        size = os.fstat(fd).st_size
        if size > self._memory.max_bytes:
            return None
        try:
            with open(fd, 'rb', buffering=0, closefd=False) as file:
                pieces = []
                left = size + 1  # to notice a file that has grown
                while left:
                    piece = file.read(left)
                    if not piece:
                        break
                    pieces.append(piece)
                    left -= len(piece)
        except OSError:
            return b''
        return pieces[0] if len(pieces) == 1 else b''.join(pieces)


class _Verified(object):
    """The pieces of a file; ValueError at the end if its digest is another."""

    def __init__(self, fd, digest):
        self._fd = fd
        self._digest = digest

    def __iter__(self):
        found = sha256()
        offset = 0
        while True:
            piece = os.pread(self._fd, PIECE_BYTES, offset)
            if not piece:
                break
            found.update(piece)
            offset += len(piece)
            yield piece
        if found.digest() != self._digest:
            raise ValueError('checksum mismatch of a content of %d bytes' % offset)


def _is_digest(digest):
    return isinstance(digest, bytes) and len(digest) == DIGEST_BYTES


def _check(digest):
    if not _is_digest(digest):
        raise ValueError('invalid digest: expected %d bytes' % DIGEST_BYTES)


def _identity_of(path):
    """The identity of a regular file, or None; also None for a symlink."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return identity(status) if stat.S_ISREG(status.st_mode) else None


def _open_reference(path, expected):
    """A descriptor of the file if its identity is `expected`, else -1."""
    try:
        fd = os.open(path, descriptors.READ | os.O_NOFOLLOW)
    except OSError:
        return -1
    if identity(os.fstat(fd)) != expected:
        os.close(fd)
        return -1
    return fd


def _copy(fd, out_fd, offset):
    """Copy a file to a descriptor; returns the digest of what was written, None if it could not be read."""
    found = sha256()
    buffer = bytearray(PIECE_BYTES)
    view = memoryview(buffer)
    left = os.fstat(fd).st_size  # a bound, in case it is the file that is written to
    while left > 0:
        try:
            n = min(os.readv(fd, [buffer]), left)
        except OSError:
            return None
        if not n:
            break
        piece = view[:n]
        found.update(piece)
        descriptors.pwrite_all(out_fd, piece, offset)
        offset += n
        left -= n
    return found.digest()
