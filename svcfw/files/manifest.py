"""Manifest: the entries of a folder as they are sent. Sans-I/O.

Entries have one order, which `pack` and `Unpacker` enforce: a folder before its members, all members of a folder
together, sorted by the bytes of their names. So a duplicate is noticed without a set of all names.
"""

import struct
from itertools import compress

from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import DecodeError
from svcfw.service.errors import ManifestError

FILE, DIRECTORY, SYMLINK, OTHER = 'file', 'dir', 'symlink', 'other'

#: Entries in one part: some 500 KB, so that a receiver can start while the sender still scans.
PART_ENTRIES = 5000
#: Bytes of names and link targets after which a part ends.
PART_BYTES = 4 * 1024 * 1024

#: Limits of one manifest, on both sides. An entry takes some 700 bytes of memory besides its name.
MAX_ENTRIES = 1024 * 1024
#: Bytes of all full names together; a chain of 10,000 folders comes to 100 MB.
MAX_NAMES_BYTES = 256 * 1024 * 1024
#: Limits of Linux and the BSDs for a file name, a link target, an account name.
MAX_NAME_BYTES = 255
MAX_TARGET_BYTES = 4095

#: (uid_t)-1 is no valid id: chown() takes it for "leave unchanged".
_NO_ID = (1 << 32) - 1
_TIMES = -(1 << 63), (1 << 63) - 1
_CODES = {FILE: 'f', DIRECTORY: 'd', SYMLINK: 'l', OTHER: 'o'}
_KINDS = {ord(code): kind for kind, code in _CODES.items()}
_NUL = b'\0'
_CODEC = Codec()


class Entry(object):
    """One name in a folder.

    name: relative to the folder, '/' between components, decoded as UTF-8 whatever the locale (other bytes as
    surrogates); '' is the folder itself. kind: FILE, DIRECTORY, SYMLINK, or OTHER (fifo, device, socket: not copied).
    size: bytes of a file, else 0.
    mode: permission bits including set-id and sticky bits; None: the default here.
    mtime_ns, atime_ns: since the epoch; mtime_ns None: not to be set.
    uid, gid; user, group: their names on the sender, or ''. target: of a link, else ''.
    digest: SHA-256 (32 bytes) of a file, else None. content: bytes of a small file if the scan was to read them; not
    sent.
    """

    __slots__ = (
        'name',
        'kind',
        'size',
        'mode',
        'mtime_ns',
        'atime_ns',
        'uid',
        'gid',
        'user',
        'group',
        'target',
        'digest',
        'content',
    )

    def __init__(self, name, kind, size, mode, mtime_ns, atime_ns, owner=(0, 0, '', ''), target='', digest=None):
        self.name = name
        self.kind = kind
        self.size = size
        self.mode = mode
        self.mtime_ns = mtime_ns
        self.atime_ns = atime_ns
        self.uid, self.gid, self.user, self.group = owner
        self.target = target
        self.digest = digest
        self.content = None

    def owner(self):
        """(uid, gid, user, group)"""
        return self.uid, self.gid, self.user, self.group

    def __repr__(self):
        return '<Entry %s %r>' % (self.kind, self.name)


class _Order(object):
    """Checks the order of entries by the number of each one's folder; numbers the folders.

    0 is the root, n the nth entry.
    """

    def __init__(self):
        self.count = 0
        self._names_bytes = 0
        self._parent = 0
        self._name = _NUL  # sorts before all names
        self._left = set()

    def step(self, parent, name, full_name):
        """Check the next entry: `name` (bytes) in the folder `parent`. Raises ManifestError."""
        if parent != self._parent:
            self._left.add(self._parent)
            if parent in self._left:
                raise ManifestError('malformed manifest: %r is apart from the other members of its folder' % full_name)
            self._parent = parent
        elif name <= self._name:
            raise ManifestError('malformed manifest: %r is a duplicate or out of order' % full_name)
        self._name = name
        self.count += 1
        self._names_bytes += len(full_name)
        if self.count > MAX_ENTRIES or self._names_bytes > MAX_NAMES_BYTES:
            raise ManifestError('manifest exceeds %d entries or %d bytes of names' % (MAX_ENTRIES, MAX_NAMES_BYTES))


# -- to bytes


def pack(entries, part_entries=None):
    """Pack entries into parts: yields bytes as soon as a part is full.

    part_entries: entries in a part; None: PART_ENTRIES, the maximum.

    Raises ManifestError if the entries are not in the order of `scan`, or exceed the limits.
    """
    order = _Order()
    folders = {'': 0}
    rows = []
    size = 0
    for entry in entries:
        parent, _, name = entry.name.rpartition('/')
        raw = name.encode('utf-8', 'surrogateescape')
        number = folders.get(parent)
        if number is None:
            raise ManifestError('entries out of order: %r comes before its folder' % entry.name)
        if entry.name or order.count:
            order.step(number, raw, entry.name)
        else:
            order.count += 1
        if entry.kind == DIRECTORY and entry.name:
            folders[entry.name] = order.count
        target = entry.target.encode('utf-8', 'surrogateescape')
        rows.append((entry, number, raw, target))
        size += len(raw) + len(target)
        if len(rows) == (part_entries or PART_ENTRIES) or size > PART_BYTES:
            yield _pack_part(rows)
            rows, size = [], 0
    if rows:
        yield _pack_part(rows)


def _pack_part(rows):
    entries = [row[0] for row in rows]
    owners = {}
    owner_numbers = [owners.setdefault(entry.owner(), len(owners)) for entry in entries]
    value = (
        ''.join([_CODES[entry.kind] for entry in entries]).encode(),
        _column('I', [row[1] for row in rows]),
        _NUL.join([row[2] for row in rows]),
        _column('Q', [entry.size for entry in entries]),
        _column('H', [entry.mode for entry in entries]),
        _column('q', [_clamped(entry.mtime_ns) for entry in entries]),
        _column('q', [_clamped(entry.atime_ns) for entry in entries]),
        _column('H', owner_numbers),
        list(owners),
        _NUL.join([row[3] for row in rows if row[0].kind == SYMLINK]),
        b''.join([entry.digest for entry in entries if entry.kind == FILE]),
    )
    return _CODEC.encode(value)


def _column(code, numbers):
    return struct.pack('>%d%s' % (len(numbers), code), *numbers)


def _clamped(time_ns):
    """`time_ns`, limited to 64 bits: those end in 2262, file systems' times in 2446."""
    return min(max(time_ns, _TIMES[0]), _TIMES[1])


# -- from bytes


class Unpacker(object):
    """Unpacks the parts of one manifest in order and validates everything in them: the peer is not trusted.

    Names of the entries it returns are inside the folder, unique, and each in a DIRECTORY that came before.
    """

    def __init__(self):
        self._order = _Order()
        self._folders = {0: ''}

    @property
    def count(self):
        """Number of entries unpacked so far."""
        return self._order.count

    def unpack(self, part):
        """The entries (list) of the next part (bytes). After a ManifestError the object is unusable."""
        try:
            return self._unpack(_CODEC.decode(part))
        except (DecodeError, struct.error, TypeError, ValueError, KeyError, AttributeError, OverflowError) as e:
            raise ManifestError('malformed manifest part: %s' % e) from e

    def _unpack(self, value):
        kinds, parents, names, sizes, modes, mtimes, atimes, owner_numbers, owners, targets, digests = value
        count = len(kinds)
        if not 0 < count <= PART_ENTRIES or type(kinds) is not bytes:
            raise ManifestError('malformed manifest part: %d entries, expected 1 to %d' % (count, PART_ENTRIES))
        kinds = [_KINDS[code] for code in kinds]
        links = [kind == SYMLINK for kind in kinds]
        files = [kind == FILE for kind in kinds]
        columns = zip(
            kinds,
            _numbers('I', count, parents),
            self._names(names, count, kinds[0]),
            _numbers('Q', count, sizes),
            _numbers('H', count, modes),
            _numbers('q', count, mtimes),
            _numbers('q', count, atimes),
            _pick(_owners(owners), _numbers('H', count, owner_numbers)),
            _spread(_targets(targets, sum(links)), links, ''),
            _spread(_digests(digests, sum(files)), files, None),
        )
        return [self._entry(*row) for row in columns]

    def _names(self, blob, count, first_kind):
        names = _split(blob, count)
        checked = names[1:] if not self.count and not names[0] and first_kind == DIRECTORY else names
        if b'/' in blob or not {b'', b'.', b'..'}.isdisjoint(checked) or max(map(len, names)) > MAX_NAME_BYTES:
            raise ManifestError('malformed manifest: invalid file name')
        return names

    def _entry(self, kind, parent, name, size, mode, mtime_ns, atime_ns, owner, target, digest):
        order = self._order
        folder = self._folders.get(parent)
        if folder is None:
            raise ManifestError('malformed manifest: %r is in something that is not a folder' % name)
        text = name.decode('utf-8', 'surrogateescape')
        full_name = '%s/%s' % (folder, text) if folder else text
        if name:
            order.step(parent, name, full_name)
        elif parent:
            raise ManifestError('malformed manifest: the root has a parent')
        else:
            order.count += 1
        if mode > 0o7777 or size >> 63 or (size and kind != FILE):
            raise ManifestError('malformed manifest: %r has invalid mode %o or size %d' % (full_name, mode, size))
        if kind == DIRECTORY and name:
            self._folders[order.count] = full_name
        return Entry(full_name, kind, size, mode, mtime_ns, atime_ns, owner, target, digest)


def _split(blob, count):
    if type(blob) is not bytes or blob.count(_NUL) != count - 1:
        raise ManifestError('malformed manifest part: expected %d names' % count)
    return blob.split(_NUL)


def _numbers(code, count, column):
    return struct.unpack('>%d%s' % (count, code), column)


def _owners(rows):
    if type(rows) is not list:
        raise ManifestError('malformed manifest part: invalid list of owners')
    for uid, gid, user, group in rows:
        if type(uid) is not int or type(gid) is not int or not (0 <= uid < _NO_ID and 0 <= gid < _NO_ID):
            raise ManifestError('malformed manifest part: invalid owner ids %r:%r' % (uid, gid))
        if type(user) is not str or type(group) is not str or max(len(user), len(group)) > MAX_NAME_BYTES:
            raise ManifestError('malformed manifest part: invalid account names of an owner')
    return rows


def _pick(rows, numbers):
    if max(numbers) >= len(rows):
        raise ManifestError('malformed manifest part: an entry refers to an owner not in the list')
    return [rows[number] for number in numbers]


def _targets(blob, count):
    if not count:
        return []
    targets = _split(blob, count)
    if b'' in targets or max(map(len, targets)) > MAX_TARGET_BYTES:
        raise ManifestError('malformed manifest part: invalid target of a symlink')
    return [target.decode('utf-8', 'surrogateescape') for target in targets]


def _digests(blob, count):
    if type(blob) is not bytes or len(blob) != count * 32:
        raise ManifestError('malformed manifest part: expected %d digests' % count)
    return [blob[start : start + 32] for start in range(0, len(blob), 32)]


def _spread(values, places, default):
    """`values`, one for each true item of `places`; `default` for the others."""
    spread = [default] * len(places)
    for index, value in zip(compress(range(len(places)), places), values):
        spread[index] = value
    return spread
