"""Contents that an agent keeps of files put here, so that they need not be sent again.

Small contents are held in memory; the multiplexer decides what to hold and drop, so it knows what is there. Of large
files a descriptor is kept, which costs nothing and blocks no change; but the file may be changed or removed, so whether
it is still usable is checked when it is needed.
"""

import collections
import hashlib
import os

from svcfw.files.disk import descriptors
from svcfw.files.disk.paths import encoded

#: Large files kept open (LRU).
MAX_KEPT = 16


class Contents(object):
    """Small contents by SHA-256."""

    def __init__(self):
        self._held = {}
        self._parts = {}

    def add(self, digest, data, is_last):
        """Hold a content, of which this is the next part. A content with another digest is dropped: its put will
        fail."""
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
        """The content (bytes), or None."""
        return self._held.get(digest)


class Kept(object):
    """Large files by SHA-256: descriptors, as long as the file has a name and was not modified."""

    def __init__(self):
        self._files = collections.OrderedDict()

    def add(self, digest, path):
        """Keep the file `path` (str), which was just written with this content."""
        self._drop(digest)
        try:
            fd = os.open(encoded(path), descriptors.READ)
        except OSError:
            return  # without permission to read
        self._files[digest] = (fd, _state(fd))
        while len(self._files) > MAX_KEPT:
            self._drop(next(iter(self._files)))

    def open(self, digest):
        """A descriptor of that file, owned by the caller; None if the file is gone or was modified."""
        self.sweep()
        if digest not in self._files:
            return None
        self._files.move_to_end(digest)
        return os.dup(self._files[digest][0])

    def sweep(self):
        """Close removed files, which still take disk space, and modified ones."""
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
