"""Whatever a manifest says and whatever stands in the folder, nothing outside of it is touched."""

import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from svcfw.files.disk.destination import Destination
from svcfw.files.disk.removal import remove_tree
from svcfw.files.disk.tree import scan
from svcfw.files.manifest import DIRECTORY, FILE, OTHER, SYMLINK, Entry, Unpacker, pack
from svcfw.service.errors import ManifestError, TransferError
from tests.unit.files.trees import copy, directory, file, link, picture

words = st.sampled_from(['a', 'b', 'c', '..', '.', '', 'canary', 'x' * 255, '\udcff', 'new\nline'])
paths = st.lists(words, min_size=1, max_size=4).map('/'.join)
targets = st.sampled_from(['..', '../outside', '../outside/canary', '/', 'a', '.', 'a/b', '../target', 'nowhere'])
kinds = st.sampled_from([FILE, DIRECTORY, SYMLINK, OTHER])
hostile_entries = st.lists(st.tuples(paths, kinds, targets), max_size=8)

safe_words = st.sampled_from(['a', 'b', 'c', 'x' * 255, '\udcff', 'new\nline', '...', ' '])
safe_paths = st.lists(safe_words, min_size=1, max_size=3).map('/'.join)
things = st.lists(st.tuples(safe_paths, st.sampled_from([FILE, DIRECTORY, SYMLINK]), targets), max_size=10)


def build(root: Path, wanted: Any) -> None:
    """Put things into a folder, as far as they can be there together."""
    root.mkdir()
    for name, kind, target in wanted:
        path = os.path.join(os.fsencode(root), name.encode('utf-8', 'surrogateescape'))
        try:
            if kind == DIRECTORY:
                os.makedirs(path)
            elif kind == SYMLINK:
                os.symlink(target, path)
            else:
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
                os.write(fd, name[:3].encode('utf-8', 'surrogateescape'))
                os.close(fd)
        except OSError:
            continue


def entry_of(name: str, kind: str, target: str) -> Entry:
    if kind == DIRECTORY:
        return directory(name, mode=0o777)
    if kind == SYMLINK:
        return link(name, target)
    if kind == FILE:
        return file(name, b'evil', mode=0o777)
    return Entry(name, OTHER, 0, 0o600, 0, 0)


def carry_out(destination: Destination, entries: list[Entry]) -> None:
    """Every operation with every entry, whether it makes sense or not."""
    destination.compare(entries)
    for entry in entries:
        for step in (
            lambda entry=entry: destination.make_directories([entry]),
            lambda entry=entry: destination.link(entry) if entry.kind == SYMLINK else None,
            lambda entry=entry: destination.write(entry, [b'evil']) if entry.kind == FILE else None,
            lambda entry=entry: destination.keep(entry),
        ):
            try:
                step()
            except TransferError:
                continue
    try:
        destination.finish()
    except TransferError:
        pass


@given(st.none() | things, hostile_entries)
@settings(deadline=None)
def test_nothing_outside_is_touched(present: Any, hostile: Any) -> None:
    with tempfile.TemporaryDirectory() as base:
        outside = Path(base) / 'outside'
        outside.mkdir()
        (outside / 'canary').write_bytes(b'canary')
        target = Path(base) / 'parent' / 'target'
        target.parent.mkdir()
        (target.parent / 'outside').symlink_to(outside)
        if present is not None:
            build(target, present)
        before, names = picture(outside), set(os.listdir(target.parent))
        with Destination(target, special_bits=True, owner=True) as destination:
            carry_out(destination, [entry_of(*each) for each in hostile])
        assert picture(outside) == before
        assert set(os.listdir(target.parent)) <= names | {'target'}
        assert set(os.listdir(base)) == {'outside', 'parent'}


@given(hostile_entries)
def test_no_hostile_entry_is_packed_and_unpacked(hostile: Any) -> None:
    entries = [entry_of(*each) for each in hostile]
    try:
        unpacker = Unpacker()
        arrived = [entry for part in pack(entries) for entry in unpacker.unpack(part)]
    except ManifestError:
        return
    for entry in arrived:
        assert entry.name == '' or not {'', '.', '..'}.intersection(entry.name.split('/'))


@given(things, st.none() | things)
@settings(deadline=None)
def test_a_folder_arrives_or_an_error_names_what_is_in_the_way(source: Any, present: Any) -> None:
    base = tempfile.mkdtemp()
    above = os.open(os.path.dirname(base), os.O_RDONLY)
    try:
        build(Path(base) / 'source', source)
        if present is not None:
            build(Path(base) / 'target', present)
        try:
            copy(Path(base) / 'source', Path(base) / 'target')
        except TransferError:
            assert present
        else:
            wanted, found = picture(Path(base) / 'source'), picture(Path(base) / 'target')
            if not present:
                assert found == wanted
            assert {name: value[0] for name, value in wanted.items()}.items() <= {
                name: value[0] for name, value in found.items()
            }.items()
        assert [entry.name for entry in scan(base) if '.svcfw-' in entry.name] == []
    finally:
        remove_tree(above, os.fsencode(os.path.basename(base)))
        os.close(above)
