"""What an agent still has of the files that were put here, so that the same content need not be sent again.

Small contents are held in memory; the multiplexer says what to hold and what to drop, and so knows what is there. Of
large files a descriptor is kept, which costs nothing and holds nobody up, but leads to what may be changed or
removed: whether it can still be had is found out when it is wanted.
"""

import collections
import hashlib
import os

from svcfw.files.disk import descriptors
from svcfw.files.disk.paths import encoded

#: Large files that are kept open; the one that was used least lately is let go first.
MAX_KEPT = 16


class Contents(object):
    """Small contents by SHA-256."""

    def __init__(self):
        self._held = {}
        self._parts = {}

    def add(self, digest, data, is_last):
        """Hold a content, of which this is the next part. One with another digest is not held: putting it will fail."""
        parts = self._parts.setdefault(digest, [])
        parts.append(data)
        if is_last:
            content = b''.join(self._parts.pop(digest))
            if hashlib.sha256(content).digest() == digest:
                self._held[digest] = content

    def drop(self, digests):
        for digest in digests:
            self._held.pop(digest, None)

    def get(self, digest):
        """The content (bytes), None if it is not held."""
        return self._held.get(digest)


class Kept(object):
    """Large files by SHA-256: descriptors, as long as they lead to a file that has a name and was not written to."""

    def __init__(self):
        self._files = collections.OrderedDict()

    def add(self, digest, path):
        """Keep the file `path` (str), which has just been written with this content."""
        self._drop(digest)
        try:
            fd = os.open(encoded(path), descriptors.READ)
        except OSError:
            return  # it may be written, but not read
        self._files[digest] = (fd, _state(fd))
        while len(self._files) > MAX_KEPT:
            self._drop(next(iter(self._files)))

    def open(self, digest):
        """A descriptor of that file, now the caller's; None when it cannot be had any more."""
        self.sweep()
        if digest not in self._files:
            return None
        self._files.move_to_end(digest)
        return os.dup(self._files[digest][0])

    def sweep(self):
        """Let go of files that were removed, whose room on the disk is still taken, and of those that were changed."""
        for digest, (fd, state) in list(self._files.items()):
            if _state(fd) != state:
                self._drop(digest)

    def close(self):
        for digest in list(self._files):
            self._drop(digest)

    def _drop(self, digest):
        kept = self._files.pop(digest, None)
        if kept is not None:
            os.close(kept[0])


def _state(fd):
    status = os.fstat(fd)
    return bool(status.st_nlink), status.st_size, status.st_mtime_ns
