"""TreeParts encodes a folder, or files as members of one, as messages, from which TreePlace writes it.

(MANIFEST, part) is one of svcfw.files.manifest, answered with the numbers of those entries in it, counted through
all parts, whose content the receiver lacks. (FILES, numbers, sizes, contents) has several small ones of them; (FILE,
number) is followed by the messages of that file (see `file_parts`) and (FILE_END,). END is answered with
what was done.
"""

import collections
import struct

from svcfw.core.wire.errors import DecodeError, Error
from svcfw.files import manifest
from svcfw.files.messages.file_parts import FileParts
from svcfw.files.sending import ASKED, END, WAIT
from svcfw.service.errors import TransferError

MANIFEST, FILES, FILE, FILE_END = 'manifest', 'files', 'file', 'file end'
#: Entries that the receiver compares in one go, and how many such parts it is asked about ahead of what is sent. Their
#: small files are held meanwhile: 16 MB.
PART_ENTRIES = 500
PARTS_AHEAD = 4


class TreeParts(object):
    """The messages of a FolderSource or FilesSource, which it closes.

    transfers, context_id: the Transfers here, and the receiver.
    lacks_all: the receiver has nothing of it and is not asked; set before the first message is taken.
    done, total: bytes of contents that were sent or need not be, and of those looked at so far.
    """

    #: Files on disk are complete: no waiting for data.
    is_starved = False

    def __init__(self, source, transfers, context_id):
        self._transfers = transfers
        self._context_id = context_id
        self._queued = set()  # digests of contents sent without asking
        self.total = 0
        self.lacks_all = False
        self._done = 0
        self._source = source
        self._packed = manifest.pack(self._looked_at(source.entries()), PART_ENTRIES)
        self._count = 0
        self._looked = []  # entries of the part being filled: (number, entry)
        self._asked = collections.deque()  # Asked, until the receiver's answer is known
        self._has_seen_all = False
        self._wanted = collections.deque()
        self._file = self._entry = self._reader = None

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
        self._source.close()

    def _announce(self, part):
        """The message for a part of the manifest. From the first content that the receiver may have on, it is asked."""
        entries, self._looked = self._looked, []
        files = [(number, entry) for number, entry in entries if entry.kind == manifest.FILE]
        self.lacks_all = self.lacks_all and not any(self._was_given(entry) for _, entry in files)
        if self.lacks_all:
            for number, entry in files:
                if is_copied(entry, self._queued):
                    self._done += entry.size
                else:
                    self._want(number, entry)
            return MANIFEST, part
        asked = Asked(dict(entries))
        self._asked.append(asked)
        self._sending.ask((MANIFEST, part), asked.on_answer)
        return ASKED

    def _was_given(self, entry):
        return self._transfers.was_given(self._context_id, entry.digest)

    def _want(self, number, entry):
        self._wanted.append((number, entry))
        self._queued.add(entry.digest)
        self._transfers.has_given(self._context_id, entry.digest)

    def _take_answer(self, part):
        wanted = frozenset(part.wanted())
        for number in sorted(wanted):
            self._want(number, part.entries[number])
        self._done += sum(entry.size for number, entry in part.entries.items() if number not in wanted)

    def _small_files(self, n):
        places, contents, size = [], [], 0
        while self._wanted and self._wanted[0][1].content is not None and (size < n or not places):
            number, entry = self._wanted.popleft()
            places.append(number)
            contents.append(entry.content)
            size += len(entry.content) + 8
            self._done += entry.size
        sizes = [len(content) for content in contents]
        return FILES, numbers(places), numbers(sizes), b''.join(contents)

    def _begin_file(self, number, entry):
        self._wanted.popleft()
        reader = self._source.open(entry)
        self._file, self._entry, self._reader = FileParts(reader), entry, reader
        if reader.size != entry.size:
            raise reader.changed()
        return FILE, number

    def _file_end(self):
        self._reader.check()
        if self._reader.digest() != self._entry.digest:
            raise self._reader.changed()
        self._done += self._entry.size
        self._file.close()
        self._file = None
        return (FILE_END,)


class Asked(object):
    """A part of a manifest that the receiver is asked about. entries: a dict or a set, by their numbers.

    answer: the numbers of what is to be sent, as they came, or an Error; None until then.
    """

    def __init__(self, entries):
        self.entries = entries
        self.answer = None

    def on_answer(self, answer):
        """Loop thread."""
        self.answer = answer

    def wanted(self):
        """The numbers of the answer, in their order (list). Raises it if it is an Error; TransferError, DecodeError."""
        if isinstance(self.answer, Error):
            raise self.answer
        wanted = sorted(set(from_numbers(self.answer)))
        if not all(number in self.entries for number in wanted):
            raise TransferError('a file is wanted that is not there')
        return wanted


def is_copied(entry, digests):
    """Whether the receiver copies this file from another one of the folder, whose digest is in `digests`."""
    return entry.size > 0 and entry.digest in digests


def numbers(values):
    """Pack ints below 2**32."""
    values = list(values)
    return struct.pack('>%dI' % len(values), *values)


def from_numbers(packed):
    """Inverse of `numbers` (tuple). Raises DecodeError."""
    if type(packed) is not bytes or len(packed) % 4:
        raise DecodeError('no list of numbers')
    return struct.unpack('>%dI' % (len(packed) // 4), packed)
