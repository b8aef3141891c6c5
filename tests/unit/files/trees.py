"""Helpers: folders to copy, and the whole way of a copy."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from svcfw.files.disk.destination import Destination
from svcfw.files.disk.removal import remove_tree
from svcfw.files.disk.tree import scan
from svcfw.files.manifest import DIRECTORY, FILE, SYMLINK, Entry, Unpacker, pack


def travel(entries: Iterable[Entry]) -> list[Entry]:
    """Entries as the other side gets them."""
    unpacker = Unpacker()
    return [entry for part in pack(entries) for entry in unpacker.unpack(part)]


def named(entries: Iterable[Entry]) -> dict[str, Entry]:
    return {entry.name: entry for entry in entries}


def copy(source: Path, target: Path, **options: Any) -> list[str]:
    """Copy a folder; returns the names of files whose content travelled."""
    entries = travel(scan(source))
    with Destination(target, **options) as destination:
        wanted = set(destination.compare(entries))
        destination.make_directories(entries)
        for index, entry in enumerate(entries):
            if entry.kind == SYMLINK:
                destination.link(entry)
            elif index in wanted:
                path = os.path.join(os.fsencode(source), entry.name.encode('utf-8', 'surrogateescape'))
                with open(path, 'rb') as file:
                    destination.write(entry, iter(lambda: file.read(1000), b''))
            elif entry.kind == FILE:
                destination.keep(entry)
        destination.finish()
    return [entries[index].name for index in sorted(wanted)]


def picture(root: Path) -> dict[bytes, tuple[object, ...]]:
    """All that a copy should keep of a folder."""
    seen: dict[bytes, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(os.fsencode(root)):
        for name in [*folders, *files, b'']:
            path = os.path.join(folder, name) if name else folder
            status = os.lstat(path)
            content: bytes | None = None
            if os.path.islink(path):
                content = os.readlink(path)
            elif os.path.isfile(path):
                with open(path, 'rb') as file:
                    content = file.read()
            seen[os.path.relpath(path, os.fsencode(root))] = (oct(status.st_mode), status.st_mtime_ns, content)
    return seen


@contextmanager
def deep(parent: Path, depth: int) -> Iterator[Path]:
    """A chain of folders with a file at its end, in a folder of `parent`; all of `parent` is gone afterwards.

    Neither pytest nor shutil can remove such.
    """
    root = parent / 'source'
    root.mkdir()
    fd = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir('folder', dir_fd=fd)
        inner = os.open('folder', os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(os.open('file', os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    above = os.open(parent.parent, os.O_RDONLY)
    try:
        yield root
    finally:
        remove_tree(above, os.fsencode(parent.name))
        os.close(above)
    assert not parent.exists()


def directory(name: str, **changes: Any) -> Entry:
    return changed(Entry(name, DIRECTORY, 0, 0o755, 0, 0), changes)


def file(name: str, content: bytes = b'', **changes: Any) -> Entry:
    return changed(Entry(name, FILE, len(content), 0o644, 0, 0, digest=sha256(content).digest()), changes)


def link(name: str, target: str = 'target') -> Entry:
    return Entry(name, SYMLINK, 0, 0o777, 0, 0, target=target)


def changed(entry: Entry, changes: dict[str, Any]) -> Entry:
    for name, value in changes.items():
        setattr(entry, name, value)
    return entry


def values(entry: Entry) -> tuple[Any, ...]:
    return tuple(getattr(entry, name) for name in Entry.__slots__)
