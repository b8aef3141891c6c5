"""TreePlace: writes a folder that arrives. svcfw.files.messages.tree_parts describes the messages."""

import collections
import hashlib
import os

from svcfw.core.wire.errors import DecodeError
from svcfw.files import manifest
from svcfw.files.contract import ContentWriter, zeros
from svcfw.files.disk import descriptors
from svcfw.files.disk.paths import encoded
from svcfw.files.messages.file_parts import FilePlace
from svcfw.files.messages.tree_parts import FILE, FILE_END, FILES, MANIFEST, from_numbers, is_copied, numbers
from svcfw.files.store.store import MAX_REFERENCES
from svcfw.service.errors import TransferError

#: Most names of skipped entries that are reported.
MAX_SKIPPED = 100


class TreePlace(object):
    """Writes a folder that arrives.

    destination: Destination, of the folder `path` (str or bytes); preserves: whether modes and times are those of the
    entries; transfers: the Transfers here; max_bytes: of contents that come, together; None for any number.
    done, total: bytes that are here, and of all entries so far.
    """

    def __init__(self, destination, path, preserves, transfers, max_bytes=None):
        self._max_bytes = max_bytes
        self._coming = 0
        self._path = encoded(path)
        self._transfers = transfers
        self._firsts = {}  # digest of an expected content: the entry that gets it
        self._copies = []  # (entry, the entry whose content it copies)
        self._arrived = collections.deque(maxlen=MAX_REFERENCES)
        self.done = 0
        self.total = 0
        self._destination = destination
        self._preserves = preserves
        self._unpacker = manifest.Unpacker()
        self._wanted = {}
        self._file = None
        self._files = 0
        self._written = 0
        self._skipped = []

    def take(self, message, kind, *arguments):
        """Process one message. Raises TransferError, DecodeError, OSError."""
        if self._file is not None and kind not in (MANIFEST, FILES, FILE):
            if kind == FILE_END and not arguments:
                self._end_file()
            else:
                self._file.take(message, kind, *arguments)
        elif kind == MANIFEST and len(arguments) == 1:
            lacking = self._compare(arguments[0], message.wants_reply())
            message.reply(numbers(lacking))
        elif kind == FILES and len(arguments) == 3:
            self._write_small(*arguments)
        elif kind == FILE and len(arguments) == 1 and self._file is None:
            self._begin_file(self._take_wanted(arguments[0]))
        else:
            raise DecodeError('no part of a folder')

    def end(self):
        """All has come: {'files': regular files in it, 'written': those whose content came, 'skipped': names (list)}.

        'skipped' are entries that are no file, folder or symlink.
        """
        if self._wanted or self._file is not None or not self._unpacker.count:
            raise TransferError('it did not arrive whole')
        for entry, original in self._copies:
            self._destination.copy(entry, original)
            self.done += entry.size
        self._destination.finish()
        for entry in self._arrived:
            self._transfers.keep(entry.digest, os.path.join(self._path, encoded(entry.name)))
        return {'files': self._files, 'written': self._written, 'skipped': self._skipped}

    def _compare(self, part, is_asked):
        """Process a part of the manifest; returns the numbers of entries whose content must be sent.

        is_asked: the sender uses the answer; otherwise it sends all contents that are not copies of one another.
        """
        first = self._unpacker.count
        entries = self._unpacker.unpack(part)
        if not self._preserves:
            for entry in entries:
                entry.mode = entry.mtime_ns = None
        self._destination.make_directories(entries)
        lacking = set(self._destination.compare(entries))
        coming = []
        for number, entry in enumerate(entries):
            self.total += entry.size
            self._files += entry.kind == manifest.FILE
            if number not in lacking:
                self._apply_metadata(entry)
                continue
            self._coming += entry.size
            if self._max_bytes is not None and self._coming > self._max_bytes:
                raise TransferError('it has more than %d bytes: make room, or raise max_bytes' % self._max_bytes)
            if is_copied(entry, self._firsts):
                self._copies.append((entry, self._firsts[entry.digest]))
            elif is_asked and self._is_here(entry):
                self.done += entry.size
            else:
                self._wanted[first + number] = self._firsts[entry.digest] = entry
                coming.append(first + number)
        return coming

    def _apply_metadata(self, entry):
        """Finish an entry without content, or whose content is in place."""
        if entry.kind == manifest.FILE:
            self._destination.keep(entry)
            self.done += entry.size
        elif entry.kind == manifest.SYMLINK:
            self._destination.link(entry)
        elif entry.kind == manifest.OTHER and len(self._skipped) < MAX_SKIPPED:
            self._skipped.append(entry.name)

    def _is_here(self, entry):
        """Copy the content from the store, if it is there. Waits for nobody: others may wait for what comes here."""
        store = self._transfers.store
        if not store.holds_itself(entry.digest):
            return False
        incoming = self._destination.open(entry)
        try:
            if not store.copy_to(entry.digest, incoming.fd):
                return False
            incoming.finish(is_verified=True)
            return True
        finally:
            incoming.abandon()

    def _take_wanted(self, number):
        entry = self._wanted.pop(number, None) if type(number) is int else None
        if entry is None:
            raise DecodeError('a file that was not wanted')
        self._written += 1
        self.done += entry.size
        self._arrived.append(entry)
        return entry

    def _write_small(self, numbers, sizes, contents):
        start = 0
        if type(contents) is not bytes:
            raise DecodeError('no contents')
        for number, size in zip(from_numbers(numbers), from_numbers(sizes)):
            self._destination.write(self._take_wanted(number), [contents[start : start + size]])
            start += size

    def _begin_file(self, entry):
        self._writer = _TreeWriter(self._destination.open(entry), entry)
        self._file = FilePlace(self._writer, None, entry.size)

    def _end_file(self):
        self._file = None
        self._writer.finish()


class _TreeWriter(ContentWriter):
    """A TreeFile of a Destination as a ContentWriter; zeros become holes."""

    def __init__(self, incoming, entry):
        self._incoming = incoming
        self._entry = entry
        self._hash = hashlib.sha256()
        self.offset = 0

    def write(self, data):
        self._hash.update(data)
        descriptors.pwrite_all(self._incoming.fd, data, self.offset)
        self.offset += len(data)

    def write_zeros(self, n):
        os.ftruncate(self._incoming.fd, self.offset + n)
        self.offset += n
        for part in zeros(n):
            self._hash.update(part)

    def finish(self):
        if self.offset != self._entry.size or self._hash.digest() != self._entry.digest:
            raise TransferError('%s did not arrive as it was sent. Send it again' % self._entry.name)
        self._incoming.finish(is_verified=True)
