"""Block matching: which blocks of a changed file the receiver's copy already has.

The algorithm is rsync's (A. Tridgell, "Efficient Algorithms for Sorting and Synchronization", 1999, chapter 3): the
receiver sends hashes of the blocks of its copy, the sender searches the new file for those blocks at every offset.
rsync uses a rolling checksum, byte by byte, which runs at 2 MB/s in Python. This implementation searches for a few
bytes (a probe) of the blocks expected next, at the speed of bytes.find, and hashes only where a probe is found.
"""

from collections import OrderedDict

from svcfw.files.delta.signature import (
    HASH_BYTES,
    PROBE_BYTES,
    PROBE_EVERY,
    Signature,
    block_hash,
    read_at,
    signature,
)

__all__ = ['MIN_SIZE', 'Signature', 'match', 'signature']

#: Smaller files are sent whole: at 1 Gbit/s that takes 2 ms, about as long as signature and search, not counting the
#: round trip.
MIN_SIZE = 256 * 1024

#: A probe with fewer distinct bytes (zeros, padding) would match everywhere.
_MIN_DISTINCT = 4

_PIECE_BYTES = 1024 * 1024
#: Size of one search step for the next match, and probes in a row from one place.
_WINDOW_BYTES = 512 * 1024
_NEXT_PROBES = 6
#: Blocks tried at their old offsets first: most changes are made in place.
_LOOKAHEAD = 8
#: Bound of bytes searched or hashed, as a multiple of the file's size, and the initial allowance. A file without
#: similarity costs this much; where many blocks look alike the search gives up instead of continuing for ever.
_EFFORT = 24
_FIRST_EFFORT = 64 * 1024 * 1024
#: Matches of a probe without its block, after which it counts as one that matches everywhere.
_TRIES = 4
#: Hashes of blocks ahead that are cached until they are passed.
_KEPT_HASHES = 512


def match(fd, size, old):
    """Compare the first `size` bytes of the file `fd` with the copy that has the Signature `old`.

    Yields ('copy', offset in the copy, length) and ('data', offset in the new file, length), which make up the new file
    in order; adjacent ones are merged. If the file turns out to be shorter, the rest is 'data'.

    Memory: two pieces of 1 MiB, or of ten blocks if that is more, and 200 bytes for each block. Time: mostly that of
    hashing the file once or twice; some ten times that for a file without similarity to the copy. Raises OSError.
    """
    pending = None
    for step in _Matcher(fd, size, old).steps():
        if pending is not None and pending[0] == step[0] and pending[1] + pending[2] == step[1]:
            pending = pending[0], pending[1], pending[2] + step[2]
            continue
        if pending is not None:
            yield pending
        pending = step
    if pending is not None:
        yield pending


class _Matcher(object):
    """One comparison. Positions are offsets in the new file; blocks are numbered as in the old one."""

    def __init__(self, fd, size, old):
        self._fd = fd
        self._size = size
        self._old = old
        self._block_bytes = old.block_bytes
        self._whole = old.size // old.block_bytes
        hashes = old.hashes
        self._hashes = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
        self._blocks = {}  # hash: the first block with it
        self._repeated = set()  # hashes of several blocks: such a match does not predict the next block
        for block in range(self._whole):
            if self._blocks.setdefault(self._hashes[block], block) != block:
                self._repeated.add(self._hashes[block])
        self._buffer = b''
        self._begin = 0  # file offset of the buffer
        self._ahead = OrderedDict()  # position: hash
        self._effort = _FIRST_EFFORT

    def steps(self):
        """Yields as `match` does, one block at a time."""
        size, block_bytes = self._size, self._block_bytes
        position = unmatched = searched = 0
        expected = 0  # the next block if nothing has changed from here on
        anchor = origin = 0  # the block after the last match; the one before the last jump
        while position < size:
            block = self._block_at(position, expected)
            if block is None:
                position, block, expected = self._search(position, expected, (anchor, expected, origin))
            self._effort += _EFFORT * (position - searched)
            searched = position
            if block is None:
                continue
            first, before = position, block
            while before and first - block_bytes >= unmatched:
                if self._hash_at(first - block_bytes) != self._hashes[before - 1]:
                    break
                first -= block_bytes
                before -= 1
            if unmatched < first:
                yield 'data', unmatched, first - unmatched
            length = min(block_bytes, self._old.size - block * block_bytes)
            yield 'copy', before * block_bytes, position - first + length
            position = unmatched = position + length
            if block == expected or self._hashes[block] not in self._repeated:
                if not anchor <= block <= anchor + PROBE_EVERY * _NEXT_PROBES:
                    origin = anchor
                expected = anchor = block + 1
            else:
                expected += 1
        if unmatched < size:
            for step in self._end(unmatched):
                yield step

    def _end(self, unmatched):
        """Handle the rest, whose last bytes may be the copy's last, shorter block."""
        tail = self._old.size % self._block_bytes
        begin = self._size - tail
        if tail and begin >= unmatched and block_hash(self._read(begin, tail)) == self._hashes[-1]:
            if unmatched < begin:
                yield 'data', unmatched, begin - unmatched
            yield 'copy', self._old.size - tail, tail
        else:
            yield 'data', unmatched, self._size - unmatched

    def _block_at(self, position, expected):
        """The block at `position`, or None."""
        found = self._hash_at(position)
        if found is not None:
            if expected < self._whole and self._hashes[expected] == found:
                return expected
            same_place = position // self._block_bytes
            if position % self._block_bytes == 0 and same_place < self._whole and self._hashes[same_place] == found:
                return same_place
            if found in self._blocks:
                return self._blocks[found]
        tail = self._old.size % self._block_bytes
        if not tail or expected != self._whole or position + tail > self._size:
            return None
        return expected if block_hash(self._read(position, tail)) == self._hashes[expected] else None

    # -- search for the next match

    def _search(self, position, expected, starts):
        """Bytes to skip, the block found there or None, and the block expected there."""
        if not self._read(position, 1):  # the file has been truncated
            return self._size, None, expected
        block_bytes = self._block_bytes
        in_place = None
        for ahead in range(1, _LOOKAHEAD + 1):
            block = expected + ahead
            if block < self._whole and self._hash_at(position + ahead * block_bytes) == self._hashes[block]:
                in_place = in_place or (position + ahead * block_bytes, block, block)
                if self._hashes[block] not in self._repeated:
                    return in_place
        end = min(position + max(_WINDOW_BYTES, _LOOKAHEAD * block_bytes), self._size)
        found = self._search_by_probes(position, end, self._candidates(starts)) or in_place
        if found is not None:
            return found
        steps = -(-(end - position) // block_bytes)
        for ahead in range(1, steps):
            block = self._blocks.get(self._hash_at(position + ahead * block_bytes))
            if block is not None:
                return position + ahead * block_bytes, block, expected + ahead
        return min(position + steps * block_bytes, self._size), None, expected + steps

    def _candidates(self, starts):
        """Blocks with probes that may come next, the likeliest first (each once).

        starts: after an insertion, the block after the last match; after a change, the block at this position; after a
        move or copy, the block before that. After a deletion it is a later one: those at doubling distances from the
        first are tried, and what lies between is found by searching backwards.
        """
        count = -(-self._whole // PROBE_EVERY)
        if not count:
            return []
        numbers = []
        for start in starts:
            first = -(-start // PROBE_EVERY)
            numbers += range(first, first + _NEXT_PROBES)
        distance = _NEXT_PROBES
        first = -(-starts[0] // PROBE_EVERY)
        while distance < count:
            numbers.append(first + distance)
            distance *= 2
        return [number * PROBE_EVERY for number in OrderedDict.fromkeys(number % count for number in numbers)]

    def _search_by_probes(self, position, end, candidates):
        """The first match of a candidate in a window, as `_search` returns it, or None."""
        best = None
        data = self._window(position, end - position + self._block_bytes)
        start = position - self._begin
        stop = min(end - self._begin + PROBE_BYTES - 1, len(data))
        for block in candidates:
            number = block // PROBE_EVERY * PROBE_BYTES
            probe = self._old.probes[number : number + PROBE_BYTES]
            if len(set(probe)) < _MIN_DISTINCT:
                continue
            place = start - 1
            for _ in range(_TRIES):
                if self._effort <= 0:
                    break
                before = place + 1
                place = data.find(probe, before, stop)
                self._effort -= (stop if place < 0 else place) - before + PROBE_BYTES
                if place < 0:
                    break
                self._effort -= self._block_bytes
                found = self._hash_at(self._begin + place)
                if found in self._blocks:
                    if self._hashes[block] != found:
                        block = self._blocks[found]
                    best = self._begin + place, block, block
                    stop = place + PROBE_BYTES - 1  # other candidates count only before this one
                    break
        return best

    # -- the file

    def _hash_at(self, position):
        """The hash of the block at a position; None if the file ends before the block does."""
        found = self._ahead.get(position)
        if found is None:
            if position + self._block_bytes > self._size:
                return None
            data = self._read(position, self._block_bytes)
            if len(data) < self._block_bytes:
                return None
            self._ahead[position] = found = block_hash(data)
            if len(self._ahead) > _KEPT_HASHES:
                self._ahead.popitem(last=False)
        return found

    def _read(self, position, n):
        """`n` bytes at a position (memoryview); fewer at the end of the file."""
        start = position - self._begin
        if start < 0:  # backwards: not worth moving the buffer
            return memoryview(read_at(self._fd, b'', min(n, self._size - position), position))
        if start + n > len(self._buffer):
            self._window(position, n)
            start = position - self._begin
        return memoryview(self._buffer)[start : start + n]

    def _window(self, position, n):
        """Fill the buffer with `n` bytes from a position on, up to the end of the file; returns the buffer."""
        end = min(position + n, self._size)
        if position < self._begin or end > self._begin + len(self._buffer):
            self._buffer = read_at(self._fd, b'', min(max(n, _PIECE_BYTES), max(self._size - position, 0)), position)
            self._begin = position
        return self._buffer
