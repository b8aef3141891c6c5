"""RelayedContents: contents of a folder for a context behind this one: stored here, arriving, or to be requested.

A relay requests from its sender only contents that no other relay has requested. They arrive as one sequence in a Pack;
an index has the Pack and the offset of each content, so each is requested once for any number of relays.
"""

import _thread

from svcfw.files.contract import ContentReader
from svcfw.files.messages.file_parts import FilePlace
from svcfw.files.messages.tree_parts import numbers as packed
from svcfw.files.store.store import MEMORY_BYTES
from svcfw.service.errors import TransferError

#: Messages to the sender of a folder: ENOUGH, nothing else will be requested; a Sender, to which it sends contents;
#: numbers (packed) of entries, whose contents are to follow in this order; progress (int).
ENOUGH = None


class NoRoomError(TransferError):
    """This context cannot keep it."""


class Packs(object):
    """All Packs of a context, and what is in them. Any thread."""

    def __init__(self, spools):
        self._spools = spools
        self._lock = _thread.allocate_lock()
        self._packs = []

    def claim(self, files, own, most):
        """Find contents, or have them kept in a Pack to come.

        Returns ({number: SpoolReader at its beginning}, the Pack, numbers of those that it has to be filled with).

        files: [(number, size, digest)]; own: the caller's Pack, None to have one made that may come to `most` bytes.
        NoRoomError: nothing has been claimed.
        """
        sources, missing = {}, []
        with self._lock:
            self._packs = [pack for pack in self._packs if not pack.is_closed]
            for number, size, digest in files:
                source = self._find(size, digest)
                if source is None:
                    missing.append((number, size, digest))
                else:
                    sources[number] = source
            if missing:
                try:
                    own = self._reserve(missing, own, most, sources)
                except BaseException:
                    _close(sources)
                    raise
        return sources, own, [number for number, _, _ in missing]

    def _find(self, size, digest):
        for pack in self._packs:
            offset = pack.places.get(digest)
            if offset is not None and (pack.failure is None or offset + size <= pack.offset):
                source = self._spools.open(pack.digest)
                if source is not None:
                    source.skip(offset)
                    return source
        return None

    def _reserve(self, files, own, most, sources):
        if own is None:
            own = self._spools.begin_pack(most)
            if own is None:
                raise NoRoomError('it has no room for it')
            self._packs.append(own)
        offset = own.size
        if not self._spools.grow(own, sum(size for _, size, _ in files)):
            raise NoRoomError('it has no room for it')
        for number, size, digest in files:
            own.places[digest] = offset
            sources[number] = self._spools.open(own.digest)
            sources[number].skip(offset)
            offset += size
        return own


class RelayedContents(object):
    """The contents for one relay of the folder that `listing` (Listing) describes. For one thread at a time.

    spools: where they are kept; store: the Store here; tell: Sender to the sender of the folder; receive(place, over):
    begins a Receiving, and returns the Sender to it.
    """

    def __init__(self, packs, spools, store, listing, tell, receive):
        self._packs = packs
        self._spools = spools
        self._store = store
        self._listing = listing
        self._tell = tell
        self._receive = receive
        self._own = None
        self._own_reader = None  # it is wanted as long as this relay goes on
        self._contents = {}  # number -> Kept
        self._is_closed = False
        self._last_failure = None

    @property
    def failure(self):
        """Why the sender cannot send what was requested (str), also after the end; None if it can."""
        return self._last_failure if self._own is None or self._is_closed else self._own.failure

    def want(self, numbers):
        """Request these contents (numbers of entries), unless they are stored here. NoRoomError."""
        files = [(number, *self._listing.files[number]) for number in numbers if number not in self._contents]
        for number, size, digest in files:
            self._contents[number] = Kept(self, number, size, digest)
        sources = self._claim([each for each in files if not self._is_stored(each[1], each[2])])
        for number, source in sources.items():
            self._contents[number].take_from(source)

    def open(self, number):
        """A content requested by `want` (Kept); the caller closes it."""
        return self._contents.pop(number)

    def check(self, number, source):
        """No-op: the receiver checks it."""

    def stored(self, size, digest):
        """A content that the store has (bytes), or None."""
        return self._store.get(digest) if size <= MEMORY_BYTES else None

    def again(self, number, size, digest):
        """Another source for a content whose sender has failed; TransferError if that was this relay's sender."""
        if self.failure is not None:
            raise TransferError(self.failure)
        return self._claim([(number, size, digest)])[number]

    def close(self):
        """Request nothing more, and release all contents. Idempotent."""
        if not self._is_closed:
            self._last_failure = self.failure
            self._is_closed = True
            self._tell.send(ENOUGH)
            _close(self._contents)
            if self._own_reader is not None:
                self._own_reader.close()

    def _is_stored(self, size, digest):
        return not size or (size <= MEMORY_BYTES and self._store.holds(digest))

    def _claim(self, files):
        had_none = self._own is None
        sources, self._own, missing = self._packs.claim(files, self._own, self._listing.total)
        if had_none and self._own is not None:
            self._begin(self._own)
        if missing:
            self._tell.send(packed(missing))
        return sources

    def _begin(self, pack):
        self._own_reader = self._spools.open(pack.digest)

        def over(error, value):
            self._spools.filled(pack, None if error is None else str(error) or type(error).__name__)

        try:
            self._tell.send(self._receive(PackPlace(pack, self._listing.total), over))
        except BaseException:
            self._spools.filled(pack, 'it did not begin')
            raise


class Kept(ContentReader):
    """One content of a RelayedContents. It continues with another source if one fails; its receiver checks it."""

    def __init__(self, contents, number, size, digest):
        self._owner = contents
        self._what = number, size, digest
        self._source = None
        self._stored = None
        self._wake = None
        self.size = size
        self.offset = 0

    def take_from(self, source):
        """Use this SpoolReader, which is at the beginning of the content."""
        self._source = source

    def follow(self, wake):
        self._wake = wake
        if self._source is not None:
            self._source.follow(wake)

    def read(self, n, most=0):
        """As of ContentReader."""
        n = min(n, self.size - self.offset)
        if not n:
            return b''
        part = self._read(n)
        if part is not None:
            self.offset += part if type(part) is int else len(part)
        return part

    def _read(self, n):
        while True:
            if self._source is None and self._stored is None:
                self._stored = self._owner.stored(self.size, self._what[2])
                if self._stored is None:
                    self._change()
            if self._stored is not None:
                return self._stored[self.offset : self.offset + n]
            try:
                return self._source.read(n)
            except TransferError:
                self._change()

    def _change(self):
        self._close_source()
        self._source = self._owner.again(*self._what)
        self._source.skip(self.offset)
        if self._wake is not None:
            self._source.follow(self._wake)

    def whole(self):
        data = b''
        while self.offset < self.size:
            part = self.read(self.size)
            if part is None:
                self._rewind()
                return None
            data += bytes(part) if type(part) is int else part
        return data

    def _rewind(self):
        if self._source is not None:
            self._source.skip(-self.offset)
        self.offset = 0

    def close(self):
        self._close_source()
        self._stored = None

    def _close_source(self):
        source, self._source = self._source, None
        if source is not None:
            source.close()


class PackPlace(FilePlace):
    """Writes requested contents to a Pack."""

    def __init__(self, pack, most):
        FilePlace.__init__(self, pack, None, most)

    def end(self, digest=None, size=None):
        """All has arrived. Raises TransferError if it has not."""
        self._writer.finish()


def _close(sources):
    for source in sources.values():
        source.close()
