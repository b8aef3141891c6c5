"""Any tree of entries arrives as it was; any bytes are entries that stay inside, or an error."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from svcfw.files.manifest import DIRECTORY, FILE, OTHER, SYMLINK, Entry, Unpacker, pack
from svcfw.service.errors import ManifestError

names = (
    st.binary(min_size=1, max_size=8)
    .map(lambda raw: raw.replace(b'/', b'_').replace(b'\0', b'_'))
    .filter(lambda raw: raw not in (b'.', b'..'))
)
times = st.integers(-(1 << 63), (1 << 63) - 1)
numbers = st.integers(0, (1 << 32) - 2)
owners = st.tuples(numbers, numbers, st.text(max_size=5), st.text(max_size=5))
modes = st.integers(0, 0o7777)
digests = st.binary(min_size=32, max_size=32)
leaves = st.one_of(
    st.tuples(st.just(FILE), st.integers(0, (1 << 63) - 1), st.just(''), digests),
    st.tuples(st.just(SYMLINK), st.just(0), names.map(lambda raw: raw.decode('utf-8', 'surrogateescape')), st.none()),
    st.tuples(st.just(OTHER), st.just(0), st.just(''), st.none()),
)
trees = st.recursive(
    st.dictionaries(names, leaves, max_size=4),
    lambda inner: st.dictionaries(names, leaves | inner, max_size=4),
    max_leaves=30,
)


def flatten(tree: dict[bytes, Any], draw: Any) -> list[Entry]:
    """The entries of a tree, in the order of a manifest."""
    entries = []
    pending = [('', tree)]
    while pending:
        folder, inside = pending.pop()
        inner = []
        for raw in sorted(inside):
            value = inside[raw]
            name = raw.decode('utf-8', 'surrogateescape')
            name = f'{folder}/{name}' if folder else name
            if isinstance(value, dict):
                inner.append((name, value))
                value = (DIRECTORY, 0, '', None)
            kind, size, target, digest = value
            entries.append(Entry(name, kind, size, draw(modes), draw(times), draw(times), draw(owners), target, digest))
        pending += reversed(inner)
    return entries


def values(entry: Entry) -> tuple[Any, ...]:
    return tuple(getattr(entry, name) for name in Entry.__slots__)


@given(trees, st.data())
def test_round_trip(tree: dict[bytes, Any], data: Any) -> None:
    entries = flatten(tree, data.draw)
    unpacker = Unpacker()
    arrived = [entry for part in pack(entries) for entry in unpacker.unpack(part)]
    assert list(map(values, arrived)) == list(map(values, entries))


def check_that_it_stays_inside(entries: list[Entry]) -> None:
    folders = {''}
    seen = set()
    for entry in entries:
        assert entry.name not in seen
        seen.add(entry.name)
        if entry.name:
            parts = entry.name.split('/')
            assert not {'', '.', '..'}.intersection(parts)
            assert '\0' not in entry.name
            assert '/'.join(parts[:-1]) in folders
        if entry.kind == DIRECTORY:
            folders.add(entry.name)


@given(trees, st.data(), st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_damaged_part_stays_inside_or_is_an_error(tree: dict[bytes, Any], data: Any, damages: Any) -> None:
    unpacker = Unpacker()
    entries = []
    for part in pack(flatten(tree, data.draw)):
        damaged = bytearray(part)
        for place, byte in damages:
            damaged[place % len(damaged)] = byte
        try:
            entries += unpacker.unpack(bytes(damaged))
        except ManifestError:
            return
    check_that_it_stays_inside(entries)


@given(st.binary(max_size=300))
def test_any_bytes_are_entries_or_an_error(data: bytes) -> None:
    try:
        check_that_it_stays_inside(Unpacker().unpack(data))
    except ManifestError:
        pass
