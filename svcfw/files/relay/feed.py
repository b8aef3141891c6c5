"""Feed: the sender of single contents of a folder, in the order in which a relay requests them."""

import collections
import os

from svcfw.files import manifest
from svcfw.files.disk import descriptors
from svcfw.files.disk.paths import encoded
from svcfw.files.disk.reader import Reader
from svcfw.files.disk.tree import Folders, scan
from svcfw.files.messages.file_parts import DATA, ZEROS
from svcfw.files.relay.listing import PART_ENTRIES, Listing
from svcfw.files.sending import END, WAIT


class Folder(object):
    """A local folder: its Listing, and its contents."""

    def __init__(self, root, follow):
        self._root = root
        self._follow = follow
        self.listing = Listing()
        self._names = {}
        self._folders = Folders(os.open(encoded(root), descriptors.FOLDER), follow)
        try:
            self._look(scan(root, follow))
        except BaseException:
            self.close()
            raise

    def _look(self, entries):
        looked = []

        def kept():
            for entry in entries:
                looked.append(entry)
                yield entry

        count = 0
        for part in manifest.pack(kept(), PART_ENTRIES):
            self.listing.add(part, looked)
            for number, entry in enumerate(looked, count):
                if entry.kind == manifest.FILE:
                    self._names[number] = entry.name
            count += len(looked)
            del looked[:]

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def want(self, numbers):
        """No-op: all contents are local."""

    def open(self, number):
        """A Reader, to be closed by the caller."""
        folder, _, name = encoded(self._names[number]).rpartition(b'/')
        source = Reader(name, self._follow, self._folders.get(folder))
        source.path = '%s/%s' % (self._root, self._names[number])
        if source.size != self.listing.files[number][0]:
            source.close()
            raise source.changed()
        return source

    def check(self, number, source):
        """After the last read: raise TransferError if the content is not the one in the Listing."""
        source.check()
        if source.digest() != self.listing.files[number][1]:
            raise source.changed()

    def close(self):
        self._folders.close()


class Feed(object):
    """The messages of contents, one after the other, in the order of the requests.

    contents: Folder, or what has its methods want, open, check. error: what went wrong here, or None.
    """

    def __init__(self, contents):
        self._contents = contents
        self._queue = collections.deque()
        self._is_enough = False
        self._number = self._source = None
        self._zeros = 0
        self._wake = _nothing
        self.is_starved = False
        self.error = None
        self.done = 0

    def begin(self, sending):
        self._wake = sending.wake

    def want(self, numbers):
        """Queue requested contents. On the thread that pumps, as all else."""
        self._queue.extend(numbers)
        try:
            self._contents.want(numbers)
        except Exception as e:
            self.error = e
            raise
        self._wake()

    def enough(self):
        """No further request will come."""
        self._is_enough = True
        self._wake()

    def next(self, n, bytes_per_second):
        """A message with about `n` bytes; WAIT while nothing is requested, or has arrived; None at the end."""
        try:
            part = self._next(n)
        except Exception as e:
            self.error = e
            raise
        self.is_starved = part is WAIT
        return part

    def _next(self, n):
        pieces, size = [], 0
        while size < n and not self._zeros:
            if self._source is None and not self._open():
                break
            part = self._source.read(n - size)
            if part is None:
                break
            if not part:
                self._close(is_checked=True)
            elif type(part) is int:
                self._zeros = part
            else:
                pieces.append(part)
                size += len(part)
        if pieces:
            return DATA, b''.join(pieces)
        if self._zeros:
            zeros, self._zeros = self._zeros, 0
            return ZEROS, zeros
        return None if self._is_enough and self._source is None and not self._queue else WAIT

    def _open(self):
        if not self._queue:
            return False
        self._number = self._queue.popleft()
        self._source = self._contents.open(self._number)
        self._source.follow(self._wake)
        return True

    def _close(self, is_checked=False):
        source, self._source = self._source, None
        if source is not None:
            try:
                if is_checked:
                    self._contents.check(self._number, source)
                    self.done += source.size
            finally:
                source.close()

    def end(self):
        return (END,)

    def close(self):
        self._close()


def _nothing():
    pass
