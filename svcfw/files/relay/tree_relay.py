"""RelayedTreeParts: encodes a relayed folder as messages, as svcfw.files.messages.tree_parts does a local one."""

import collections

from svcfw.files.messages.file_parts import FileParts
from svcfw.files.messages.tree_parts import (
    FILE,
    FILE_END,
    FILES,
    MANIFEST,
    PARTS_AHEAD,
    Asked,
    numbers,
)
from svcfw.files.messages.tree_source import SMALL_BYTES
from svcfw.files.sending import ASKED, END, WAIT

#: Contents that the receiver has requested and that are not sent yet; more parts of the manifest wait for them.
MAX_WANTED = 2000


class RelayedTreeParts(object):
    """The parts of the folder that `listing` (Listing) describes; it closes `contents` (RelayedContents), their source.

    transfers, context_id, lacks_all, done, is_starved: as of TreeParts.
    """

    def __init__(self, listing, contents, transfers, context_id, lacks_all):
        self._files = listing.files
        self._contents = contents
        self._transfers = transfers
        self._context_id = context_id
        self._lacks_all = lacks_all
        self.is_starved = False
        self._done = 0
        self._parts = iter(listing.parts)
        self._has_seen_all = False
        self._asked = collections.deque()  # Asked, until it is known what of it is wanted
        self._wanted = collections.deque()  # numbers
        self._coming = set()  # digests of those that are sent, as long as nothing is asked
        self._kept = None  # the content that is sent now, and
        self._file = None  # a large one, as FileParts

    def begin(self, sending):
        self._sending = sending

    @property
    def done(self):
        return self._done + (self._file.done if self._file is not None else 0)

    def next(self, n, bytes_per_second):
        """As TreeParts.next."""
        self.is_starved = False
        if self._file is not None:
            part = self._file.next(n, bytes_per_second)
            self.is_starved = part is WAIT
            return part or self._file_end()
        while self._asked and self._asked[0].answer is not None:
            self._take_answer(self._asked.popleft())
        if len(self._asked) < PARTS_AHEAD and len(self._wanted) < MAX_WANTED and not self._has_seen_all:
            part, files = next(self._parts, (None, None))
            if part is not None:
                return self._announce(part, files)
            self._has_seen_all = True
        if self._wanted:
            is_small = self._files[self._wanted[0]][0] <= SMALL_BYTES
            return self._small_files(n) if is_small else self._begin_file()
        return WAIT if self._asked else None

    def end(self):
        return (END,)

    def close(self):
        for each in (self._kept, self._contents):
            if each is not None:
                each.close()

    def _announce(self, part, files):
        was_given = self._transfers.was_given
        self._lacks_all = self._lacks_all and not any(
            was_given(self._context_id, self._files[number][1]) for number in files
        )
        if not self._lacks_all:
            asked = Asked(frozenset(files))
            self._asked.append(asked)
            self._sending.ask((MANIFEST, part), asked.on_answer)
            return ASKED
        wanted = []
        for number in files:
            size, digest = self._files[number]
            if size and digest in self._coming:
                self._done += size
            else:
                self._coming.add(digest)
                wanted.append(number)
        self._want(wanted)
        return MANIFEST, part

    def _take_answer(self, part):
        wanted = part.wanted()
        self._want(wanted)
        self._coming.update([self._files[number][1] for number in wanted])
        self._done += sum([self._files[number][0] for number in part.entries.difference(wanted)])

    def _want(self, wanted):
        for number in wanted:
            self._transfers.has_given(self._context_id, self._files[number][1])
        self._contents.want(wanted)
        self._wanted.extend(wanted)

    def _open(self):
        if self._kept is None:
            self._kept = self._contents.open(self._wanted[0])
            self._kept.follow(self._sending.wake)
        return self._kept

    def _small_files(self, n):
        places, contents, size = [], [], 0
        while self._wanted and self._files[self._wanted[0]][0] <= SMALL_BYTES and size < n:
            content = self._open().whole()
            if content is None:
                break
            self._close_kept()
            places.append(self._wanted.popleft())
            contents.append(content)
            size += len(content) + 8
            self._done += len(content)
        self.is_starved = not places
        if not places:
            return WAIT
        return FILES, numbers(places), numbers(map(len, contents)), b''.join(contents)

    def _begin_file(self):
        self._file = FileParts(self._open())
        return FILE, self._wanted.popleft()

    def _file_end(self):
        self._done += self._file.done
        self._file = None
        self._close_kept()
        return (FILE_END,)

    def _close_kept(self):
        kept, self._kept = self._kept, None
        kept.close()
