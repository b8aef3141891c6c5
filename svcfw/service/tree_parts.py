"""A folder taken apart into messages, and put together from them.

(MANIFEST, part) is one of svcfw.service.manifest, answered with the numbers of those entries in it, counted through
all parts, whose content the receiver lacks. (FILES, numbers, sizes, contents) has several small ones of them; (FILE,
number) is followed by the messages of that file (see svcfw.service.file_parts) and (FILE_END,). END is answered with
what was done.
"""

import collections
import hashlib
import os
import struct

from svcfw.core.wire.errors import DecodeError, Error
from svcfw.service import manifest
from svcfw.service.errors import TransferError
from svcfw.service.file_parts import FileParts, FilePlace
from svcfw.service.sending import ASKED, END, WAIT
from svcfw.service.source import Source, encoded
from svcfw.service.tree import FOLDER_FLAGS, Folders, scan

MANIFEST, FILES, FILE, FILE_END = 'manifest', 'files', 'file', 'file end'
#: A file up to this size is read once, while the folder is looked through, and travels with others in one message.
SMALL_BYTES = 8 * 1024
#: Entries that the receiver compares in one go, and how many such parts it is asked about ahead of what is sent. Their
#: small files are held meanwhile: 16 MB.
PART_ENTRIES = 500
PARTS_AHEAD = 4
#: Names of what was not copied that are told.
MAX_SKIPPED = 100


class TreeParts(object):
    """The parts of the folder `root` (str or bytes); follow: take links for what they lead to.

    lacks_all: the receiver has nothing of it, and need not be asked; set before the first message is taken.
    done, total: bytes of contents that were sent or need not be, and of those looked at so far. TransferError, OSError.
    """

    def __init__(self, root, follow=False):
        self.total = 0
        self.lacks_all = False
        self._done = 0
        self._root = root
        self._follow = follow
        self._folders = Folders(os.open(encoded(root), FOLDER_FLAGS), follow)
        self._packed = manifest.pack(self._looked_at(scan(root, follow, SMALL_BYTES)), PART_ENTRIES)
        self._count = 0
        self._looked = []  # entries of the part that is being made: (number, entry)
        self._asked = collections.deque()  # _Part, until it is known what of it is wanted
        self._has_seen_all = False
        self._wanted = collections.deque()
        self._file = self._entry = None

    def _looked_at(self, entries):
        for entry in entries:
            self.total += entry.size
            self._looked.append((self._count, entry))
            self._count += 1
            yield entry

    def begin(self, sending):
        self._sending = sending

    @property
    def done(self):
        return self._done + (self._file.done if self._file is not None else 0)

    def next(self, n, bytes_per_second):
        """A message with about `n` bytes; WAIT while the receiver compares; None at the end."""
        if self._file is not None:
            return self._file.next(n, bytes_per_second) or self._file_end()
        while self._asked and self._asked[0].answer is not None:
            self._take_answer(self._asked.popleft())
        if len(self._asked) < PARTS_AHEAD and not self._has_seen_all and not (self.lacks_all and self._wanted):
            part = next(self._packed, None)
            if part is not None:
                return self._announce(part)
            self._has_seen_all = True
        if self._wanted:
            number, entry = self._wanted[0]
            return self._small_files(n) if entry.content is not None else self._begin_file(number, entry)
        return WAIT if self._asked else None

    def end(self):
        return (END,)

    def close(self):
        if self._file is not None:
            self._file.close()
        self._packed.close()  # with the folder that it is in
        self._folders.close()

    def _announce(self, part):
        entries, self._looked = self._looked, []
        if self.lacks_all:
            self._wanted.extend(each for each in entries if each[1].kind == manifest.FILE)
            return MANIFEST, part
        asked = _Part(entries)
        self._asked.append(asked)
        self._sending.ask((MANIFEST, part), asked.on_answer)
        return ASKED

    def _take_answer(self, part):
        if isinstance(part.answer, Error):
            raise part.answer
        wanted = {number: part.entries.get(number) for number in _from_numbers(part.answer)}
        if None in wanted.values():
            raise TransferError('a file is wanted that is not there')
        self._wanted.extend(sorted(wanted.items(), key=_first))
        self._done += sum(entry.size for number, entry in part.entries.items() if number not in wanted)

    def _small_files(self, n):
        numbers, contents, size = [], [], 0
        while self._wanted and self._wanted[0][1].content is not None and (size < n or not numbers):
            number, entry = self._wanted.popleft()
            numbers.append(number)
            contents.append(entry.content)
            size += len(entry.content) + 8
            self._done += entry.size
        sizes = [len(content) for content in contents]
        return FILES, _numbers(numbers), _numbers(sizes), b''.join(contents)

    def _begin_file(self, number, entry):
        self._wanted.popleft()
        folder, _, name = encoded(entry.name).rpartition(b'/')
        source = Source(name, self._follow, self._folders.get(folder))
        source.path = '%s/%s' % (self._root, entry.name)
        self._file, self._entry, self._source = FileParts(source), entry, source
        if source.size != entry.size:
            raise source.changed()
        return FILE, number

    def _file_end(self):
        self._source.check()
        if self._source.digest() != self._entry.digest:
            raise self._source.changed()
        self._done += self._entry.size
        self._file.close()
        self._file = None
        return (FILE_END,)


class _Part(object):
    """Entries (by number) that the receiver is asked about; answer: numbers as they came, or an Error."""

    def __init__(self, entries):
        self.entries = dict(entries)
        self.answer = None

    def on_answer(self, answer):
        """Loop thread."""
        self.answer = answer


def _first(pair):
    return pair[0]


class TreePlace(object):
    """Where a folder is put together.

    destination: Destination; preserves: whether modes and times are those of the entries. done, total: bytes written,
    and of all entries so far.
    """

    def __init__(self, destination, preserves):
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
        """Use one message. TransferError, DecodeError, OSError."""
        if self._file is not None and kind not in (MANIFEST, FILES, FILE):
            if kind == FILE_END and not arguments:
                self._end_file()
            else:
                self._file.take(message, kind, *arguments)
        elif kind == MANIFEST and len(arguments) == 1:
            message.reply(_numbers(self._compare(arguments[0])))
        elif kind == FILES and len(arguments) == 3:
            self._write_small(*arguments)
        elif kind == FILE and len(arguments) == 1 and self._file is None:
            self._begin_file(self._take_wanted(arguments[0]))
        else:
            raise DecodeError('no part of a folder')

    def end(self):
        """All has come: {'files': regular files in it, 'written': those whose content came, 'skipped': names (list)}.

        Skipped is what is neither file nor folder nor link.
        """
        if self._wanted or self._file is not None or not self._unpacker.count:
            raise TransferError('it did not arrive whole')
        self._destination.finish()
        return {'files': self._files, 'written': self._written, 'skipped': self._skipped}

    def _compare(self, part):
        """Use a part of the manifest; the numbers of the entries whose content is wanted."""
        first = self._unpacker.count
        entries = self._unpacker.unpack(part)
        if not self._preserves:
            for entry in entries:
                entry.mode = entry.mtime_ns = None
        destination = self._destination
        destination.make_directories(entries)
        wanted = set(destination.compare(entries))
        for number, entry in enumerate(entries):
            self.total += entry.size
            if number in wanted:
                self._wanted[first + number] = entry
            elif entry.kind == manifest.FILE:
                destination.keep(entry)
                self.done += entry.size
            elif entry.kind == manifest.SYMLINK:
                destination.link(entry)
            elif entry.kind == manifest.OTHER and len(self._skipped) < MAX_SKIPPED:
                self._skipped.append(entry.name)
            self._files += entry.kind == manifest.FILE
        return [first + number for number in sorted(wanted)]

    def _take_wanted(self, number):
        entry = self._wanted.pop(number, None) if type(number) is int else None
        if entry is None:
            raise DecodeError('a file that was not wanted')
        self._written += 1
        self.done += entry.size
        return entry

    def _write_small(self, numbers, sizes, contents):
        start = 0
        if type(contents) is not bytes:
            raise DecodeError('no contents')
        for number, size in zip(_from_numbers(numbers), _from_numbers(sizes)):
            self._destination.write(self._take_wanted(number), [contents[start : start + size]])
            start += size

    def _begin_file(self, entry):
        self._sink = _Sink(self._destination.open(entry), entry)
        self._file = FilePlace(self._sink, None, entry.size)

    def _end_file(self):
        self._file = None
        self._sink.finish()


class _Sink(object):
    """An Incoming of a Destination with the face of a Sink: zeros become holes."""

    def __init__(self, incoming, entry):
        self._incoming = incoming
        self._entry = entry
        self._hash = hashlib.sha256()
        self.offset = 0

    def write(self, data):
        self._hash.update(data)
        rest = memoryview(data)
        while rest:
            n = os.pwrite(self._incoming.fd, rest, self.offset)
            self.offset += n
            rest = rest[n:]

    def write_zeros(self, n):
        os.ftruncate(self._incoming.fd, self.offset + n)
        self.offset += n
        while n:
            part = _ZEROS[: min(n, len(_ZEROS))]
            self._hash.update(part)
            n -= len(part)

    def finish(self):
        if self.offset != self._entry.size or self._hash.digest() != self._entry.digest:
            raise TransferError('%s did not arrive as it was sent. Send it again' % self._entry.name)
        self._incoming.finish(is_verified=True)


_ZEROS = bytes(64 * 1024)


def _numbers(values):
    return struct.pack('>%dI' % len(values), *values)


def _from_numbers(packed):
    if type(packed) is not bytes or len(packed) % 4:
        raise DecodeError('no list of numbers')
    return struct.unpack('>%dI' % (len(packed) // 4), packed)
