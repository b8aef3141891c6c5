"""Values by digest, the last used ones kept. Sans-I/O."""

from collections import OrderedDict


class Lru(object):
    """LRU cache of values by digest, bounded in number and, if max_bytes is not None, in the bytes of their contents.

    by_size: {size of a content: digests}. The owner's lock is held.
    """

    def __init__(self, max_entries, max_bytes):
        self.max_bytes = max_bytes
        self.by_size = {}
        self._max_entries = max_entries
        self._entries = OrderedDict()  # digest: (size, value)
        self._bytes = 0

    def put(self, digest, size, value):
        self.drop(digest)
        if self.max_bytes is not None and size > self.max_bytes:
            return
        self._entries[digest] = size, value
        self._bytes += size
        self.by_size.setdefault(size, set()).add(digest)
        while len(self._entries) > self._max_entries or (self.max_bytes is not None and self._bytes > self.max_bytes):
            self.drop(next(iter(self._entries)))

    def get(self, digest):
        """The value, marked as used now; or None."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        self._entries.move_to_end(digest)
        return entry[1]

    def drop(self, digest):
        size, _ = self._entries.pop(digest, (None, None))
        if size is None:
            return
        self._bytes -= size
        same_size = self.by_size[size]
        same_size.discard(digest)
        if not same_size:
            del self.by_size[size]
