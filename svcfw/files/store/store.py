"""Store: contents that a context has, by their SHA-256, so that none is sent there twice. Python 3.6, standard library.

A content is kept in memory, as a reference to a file that holds it, or in a cache folder, if one was granted.
"""

import os
import stat
from _thread import allocate_lock
from hashlib import sha256

from svcfw.core import load
from svcfw.files.disk import descriptors
from svcfw.files.disk.paths import encoded
from svcfw.files.disk.reader import identity
from svcfw.files.store.lru import Shelf

MEMORY_BYTES = 64 * 1024 * 1024
FOLDER_BYTES = 1024 * 1024 * 1024

#: Contents in memory, however small: what keeps one takes some 500 bytes besides.
MAX_ENTRIES = 65536

#: Files referred to; each takes some 700 bytes.
MAX_REFERENCES = 16384

DIGEST_BYTES = 32

#: One read or write while a content is copied: as much as stays in the CPU's cache between hashing and writing.
PIECE_BYTES = 256 * 1024


class Store(object):
    """Contents by digest (32 bytes).

    memory_bytes: what contents in memory may take; folder: path of a cache folder (see CacheFolder), or None;
    folder_bytes: what may be in it. CacheFolderError if that folder cannot be one.

    Any thread. The lock is not held while files are read or written.
    """

    def __init__(self, memory_bytes=MEMORY_BYTES, folder=None, folder_bytes=FOLDER_BYTES):
        self._lock = allocate_lock()
        self._memory = Shelf(MAX_ENTRIES, memory_bytes)
        self._references = Shelf(MAX_REFERENCES, None)
        self._folder = None
        if folder is not None:
            self._folder = load('svcfw.files.store.cache_folder').CacheFolder(folder, folder_bytes)

    # -- putting in

    def put(self, digest, content):
        """Keep `content` (bytes-like), as far as there is room. ValueError if it has another digest."""
        content = bytes(content)
        if sha256(content).digest() != digest:
            raise ValueError('a content of %d bytes has another digest than was said' % len(content))
        with self._lock:
            self._memory.put(digest, len(content), content)
        if self._folder is not None:
            self._folder.put(digest, (content,), len(content))

    def put_file(self, digest, fd):
        """Keep in the folder, if there is one, what a descriptor's file holds; its position does not change.

        For contents that need not fit into memory. Returns whether it is kept; ValueError as for `put`, OSError if it
        cannot be read.
        """
        if self._folder is None:
            return False
        pieces = _Verified(fd, digest)
        size = os.fstat(fd).st_size
        return self._folder.put(digest, pieces, size)

    def refer(self, digest, path):
        """Remember that the file `path` (str, bytes, PathLike), which this account wrote, has that content.

        Offered as long as the file's identity stays what it is now, and read anew each time. Does nothing if it is no
        regular file by now. ValueError if `digest` cannot be one.
        """
        _check(digest)
        path = os.path.abspath(encoded(os.fspath(path)))
        present = _identity_of(path)
        if present is not None:
            with self._lock:
                self._references.put(digest, present[2], (path, present))

    # -- looking

    def holds(self, digest):
        """Whether the content is there; of a file, whether nothing speaks against it."""
        if self._in_memory(digest) is not None or self._reference(digest) is not None:
            return True
        return self._folder is not None and _is_digest(digest) and self._folder.holds(digest)

    def sizes(self):
        """The sizes of all contents held (set of int); what other processes put into the folder may be missing."""
        with self._lock:
            found = set(self._memory.by_size).union(self._references.by_size)
        if self._folder is not None:
            found.update(self._folder.sizes().values())
        return found

    def of_size(self, size):
        """The digests of the contents held that have `size` bytes (set). `holds` may have dropped one since."""
        with self._lock:
            found = self._memory.by_size.get(size, set()) | self._references.by_size.get(size, set())
        if self._folder is not None:
            found.update(digest for digest, each in self._folder.sizes().items() if each == size)
        return found

    # -- taking out

    def get(self, digest):
        """The content (bytes), verified, or None.

        A file's content that is larger than the bound for memory is for `copy_to` alone: None.
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
        """Write the content to a file's descriptor, from its `offset` on; its position does not change.

        True: it is there, whole and verified. False: it is not held, or what was held has changed and was dropped; the
        caller truncates what has been written. OSError if it cannot be written.
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
        """The (path, identity) that still holds, or None."""
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
        """The open files that claim to have the content: (descriptor, function that drops it) one after the other."""
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
        """What a file holds, b'' if it cannot be read; None if it is too large for memory."""
        size = os.fstat(fd).st_size
        if size > self._memory.max_bytes:
            return None
        try:
            with open(fd, 'rb', buffering=0, closefd=False) as file:
                pieces = []
                left = size + 1  # one that has grown is not what was asked for
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
    """The pieces of a file; ValueError at the end if they are not the content with that digest."""

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
            raise ValueError('a content of %d bytes has another digest than was said' % offset)


def _is_digest(digest):
    return isinstance(digest, bytes) and len(digest) == DIGEST_BYTES


def _check(digest):
    if not _is_digest(digest):
        raise ValueError('a digest has %d bytes' % DIGEST_BYTES)


def _identity_of(path):
    """The identity of a regular file, or None. A link is none."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return identity(status) if stat.S_ISREG(status.st_mode) else None


def _open_reference(path, expected):
    """A descriptor of the file, if it is still the expected one; else -1."""
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
    left = os.fstat(fd).st_size  # no more, should it be the file that is written to
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
