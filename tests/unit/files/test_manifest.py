"""A manifest arrives as it was sent, and one that would lead outside does not."""

import struct
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from svcfw.core.wire.codec import Codec
from svcfw.files import manifest
from svcfw.files.manifest import DIRECTORY, OTHER, Entry, Unpacker, pack
from svcfw.service.errors import ManifestError
from tests.unit.files.trees import directory, file, link, travel, values

CODEC = Codec()


def test_entries_arrive_as_they_were() -> None:
    entries = [
        directory('', mode=0o1777, user='root', group='wheel'),
        directory('a', uid=4294967294, gid=1),
        file('b', b'content', mode=0o4755, mtime_ns=-1, atime_ns=1 << 62),
        Entry('c', OTHER, 0, 0o600, 5, 6),
        link('d', 'somewhere/\udcff'),
        file('a/\n', b''),
        link('a/\udcff', '..'),
    ]
    assert list(map(values, travel(entries))) == list(map(values, entries))


def test_parts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, 'PART_ENTRIES', 10)
    entries = [directory('d')] + [file(f'd/{i:04}') for i in range(95)]
    parts = list(pack(entries))
    assert len(parts) == 10
    unpacker = Unpacker()
    assert [values(entry) for part in parts for entry in unpacker.unpack(part)] == list(map(values, entries))
    assert unpacker.count == 96
    monkeypatch.setattr(manifest, 'PART_BYTES', 12)
    assert len(list(pack(entries))) > 20


def test_nothing_is_packed_into_nothing() -> None:
    assert list(pack([])) == []


def test_a_time_beyond_the_format_is_brought_in() -> None:
    (entry,) = travel([file('a', mtime_ns=1 << 70, atime_ns=-(1 << 70))])
    assert (entry.mtime_ns, entry.atime_ns) == ((1 << 63) - 1, -(1 << 63))


@pytest.mark.parametrize(
    'entries',
    [
        [file('a'), file('a')],
        [file('b'), file('a')],
        [file('d/a')],
        [file('a'), file('a/b')],
        [link('a'), file('a/b')],
        [directory(''), directory('')],
        [directory('a'), directory('b'), file('a/x'), file('c')],
    ],
    ids=['twice', 'out of order', 'no folder', 'in a file', 'in a link', 'two roots', 'apart'],
)
def test_the_sender_keeps_the_order(entries: list[Entry]) -> None:
    with pytest.raises(ManifestError):
        list(pack(entries))


def altered(entries: list[Entry], column: int, change: Callable[[Any], Any]) -> bytes:
    """A part of which one column was changed by a peer."""
    (part,) = pack(entries)
    value = list(CODEC.decode(part))
    value[column] = change(value[column])
    return CODEC.encode(tuple(value))


ENTRIES = [directory('aa'), file('bb', b'x'), link('cc'), file('dd', b'y')]
KINDS, PARENTS, NAMES, SIZES, MODES, MTIMES, ATIMES, OWNER_NUMBERS, OWNERS, TARGETS, DIGESTS = range(11)


def test_what_was_not_altered_is_accepted() -> None:
    assert len(Unpacker().unpack(altered(ENTRIES, NAMES, lambda names: names))) == 4


@pytest.mark.parametrize(
    'name',
    [b'.', b'..', b'', b'/etc', b'a/b', b'../x', b'x/', b'\0', b'x\0y', b'x' * 256, b'aa', b'cc', b'dd', b'a'],
)
def test_a_bad_name_is_refused(name: bytes) -> None:
    with pytest.raises(ManifestError):
        Unpacker().unpack(altered(ENTRIES, NAMES, lambda names: names.replace(b'bb', name)))


@pytest.mark.parametrize('name', [b'', b'..', b'/'])
def test_a_bad_first_name_is_refused(name: bytes) -> None:
    with pytest.raises(ManifestError):
        Unpacker().unpack(altered([file('bb', b'x')], NAMES, lambda names: name))


@pytest.mark.parametrize(
    ('column', 'value'),
    [
        (KINDS, b''),
        (KINDS, b'dfl'),
        (KINDS, b'dfl?'),
        (KINDS, b'dlff'),
        (KINDS, b'ffff'),
        (KINDS, 'dflf'),
        (KINDS, [100, 102, 108, 102]),
        (KINDS, None),
        (PARENTS, struct.pack('>4I', 0, 2, 2, 2)),
        (PARENTS, struct.pack('>4I', 0, 3, 3, 3)),
        (PARENTS, struct.pack('>4I', 1, 0, 0, 0)),
        (PARENTS, struct.pack('>4I', 0, 1, 0, 0)),
        (PARENTS, struct.pack('>3I', 0, 0, 0)),
        (NAMES, 'aa\0bb\0cc\0dd'),
        (SIZES, struct.pack('>4Q', 1, 1, 0, 1)),
        (SIZES, struct.pack('>4Q', 0, 1 << 63, 0, 1)),
        (SIZES, 7),
        (MODES, struct.pack('>4H', 0, 0o10000, 0, 0)),
        (MTIMES, b''),
        (OWNER_NUMBERS, struct.pack('>4H', 0, 0, 1, 0)),
        (OWNERS, []),
        (OWNERS, [(0, 0, '', b'')]),
        (OWNERS, [(0, -1, '', '')]),
        (OWNERS, [(0, (1 << 32) - 1, '', '')]),
        (OWNERS, [((1 << 32) - 1, 0, '', '')]),
        (OWNERS, [(0, '0', '', '')]),
        (OWNERS, [(True, 0, '', '')]),
        (OWNERS, [(0, 0, 'x' * 256, '')]),
        (OWNERS, [(0, 0, '')]),
        (OWNERS, {}),
        (TARGETS, b''),
        (TARGETS, b'a\0b'),
        (TARGETS, b'a' * 4096),
        (TARGETS, 'a'),
        (DIGESTS, bytes(32)),
        (DIGESTS, bytes(65)),
        (DIGESTS, 'x' * 64),
    ],
)
def test_a_bad_column_is_refused(column: int, value: object) -> None:
    with pytest.raises(ManifestError):
        Unpacker().unpack(altered(ENTRIES, column, lambda old: value))


@pytest.mark.parametrize('value', [None, (), (1,) * 11, 'text', [b''] * 11, {}])
def test_another_value_is_refused(value: object) -> None:
    with pytest.raises(ManifestError):
        Unpacker().unpack(CODEC.encode(value))


def test_bytes_that_are_no_value_are_refused() -> None:
    with pytest.raises(ManifestError):
        Unpacker().unpack(b'\xff\xff')


def test_a_second_part_goes_on_where_the_first_ended() -> None:
    first, second = [directory('a'), file('b')], [file('c'), file('a/x')]
    (part,) = pack(first)
    unpacker = Unpacker()
    unpacker.unpack(part)
    parts = list(pack([*first, *second]))
    with pytest.raises(ManifestError, match='duplicate'):
        unpacker.unpack(parts[0])
    (root,) = pack([directory('')])
    with pytest.raises(ManifestError):
        unpacker.unpack(root)


def test_a_part_has_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    (part,) = pack([file(f'{i:05}') for i in range(11)])
    monkeypatch.setattr(manifest, 'PART_ENTRIES', 10)
    with pytest.raises(ManifestError, match='11 entries'):
        Unpacker().unpack(part)


@pytest.mark.parametrize(('limit', 'value'), [('MAX_ENTRIES', 10), ('MAX_NAMES_BYTES', 30)])
def test_a_manifest_has_limits_on_both_sides(monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    entries = [file(f'{i:05}') for i in range(11)]
    (part,) = pack(entries)
    monkeypatch.setattr(manifest, limit, value)
    with pytest.raises(ManifestError, match='manifest exceeds'):
        list(pack(entries))
    with pytest.raises(ManifestError, match='manifest exceeds'):
        Unpacker().unpack(part)


def test_deep_names_are_not_repeated_on_the_wire() -> None:
    entries = [directory('/'.join(['folder'] * depth)) for depth in range(1, 500)]
    assert sum(map(len, pack(entries))) < 500 * 60
    assert [entry.name for entry in travel(entries)] == [entry.name for entry in entries]
    assert DIRECTORY in repr(entries[0])


@pytest.mark.slow
def test_a_hundred_thousand_entries_need_the_memory_of_a_part() -> None:
    def entries() -> Iterator[Entry]:
        yield directory('')
        yield directory('folder')
        for number in range(100_000):
            yield file(f'folder/{number:07}')

    tracemalloc.start()
    try:
        unpacker = Unpacker()
        for part in pack(entries()):
            unpacker.unpack(part)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert unpacker.count == 100_002
    assert peak < 12_000_000
