"""Data files of packages, for contexts that have the package: only files in the package's own folder.

Symlinks are followed within that folder. Anything but plain files and folders counts as missing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from svcfw.core.wire.errors import DecodeError

#: Limits of a file's content, of names in a folder, and of parts of a path: an answer is one message, made at once.
MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_ENTRIES = 20000
MAX_PARTS = 100


#: None; True for a file, or its content; (name, is it a folder) of each entry of a folder.
Found = None | bool | bytes | list[tuple[str, bool]]


class DataError(Exception):
    """An existing file that is refused; the text says why, without its path."""


def question(value: object) -> tuple[str, list[str], bool]:
    """(package, parts of the path in it, whether the content is wanted), decoded from a request. Raises DecodeError."""
    if type(value) is tuple and len(value) == 3:
        package, parts, wants_content = value
        if type(package) is str and type(parts) is list and all(type(part) is str for part in parts):
            return package, parts, bool(wants_content)
    raise DecodeError('malformed request for a data file')


def look(spec: Any, parts: list[str], *, wants_content: bool) -> Found:
    """What exists at a path in a package; content only if wanted.

    spec: of the package, as its finder made it; nothing of it is imported. Raises DataError.
    """
    if len(parts) > MAX_PARTS or not all(map(_is_name, parts)):
        return None
    try:
        return _look(spec, parts, wants_content)
    except OSError as exc:
        raise DataError(exc.strerror or type(exc).__name__) from exc


def _look(spec: Any, parts: list[str], wants_content: bool) -> Found:
    found: Found = None
    for root in _roots(spec):
        here = root.joinpath(*parts) if parts else root
        if isinstance(here, Path) and not _is_inside(here, root):
            continue
        if here.is_dir():
            # A namespace package has several folders.
            found = sorted({*(found if isinstance(found, list) else ()), *_entries(here)})
        elif found is None and here.is_file():
            return _content(here) if wants_content else True
    return found


def _is_name(part: str) -> bool:
    return part not in ('', '.', '..') and '/' not in part and '\0' not in part


def _roots(spec: Any) -> Iterator[Any]:
    """The folders of a package, as pathlib objects; in a zip file as zipfile objects."""
    folders = [Path(place) for place in spec.submodule_search_locations or ()]
    if any(folder.is_dir() for folder in folders) or not hasattr(spec.loader, 'archive'):
        yield from folders
    else:
        yield spec.loader.get_resource_reader(spec.name).files()


def _is_inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve(strict=True).is_relative_to(root.resolve(strict=True))
    except (OSError, RuntimeError, ValueError):  # missing; circular symlinks; an invalid name
        return False


def _entries(folder: Any) -> Iterator[tuple[str, bool]]:
    for count, entry in enumerate(folder.iterdir()):
        if count >= MAX_ENTRIES:
            raise DataError(f'more than {MAX_ENTRIES} entries')
        if _can_travel(entry.name) and entry.name != '__pycache__':  # for this machine's interpreters
            yield entry.name, entry.is_dir()


def _can_travel(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:  # a name that cannot be requested
        return False


def _content(file: Any) -> bytes:
    if isinstance(file, Path):
        # O_NONBLOCK: do not block if it is a pipe by now.
        fd = os.open(file.resolve(), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        opened = open(fd, 'rb')  # noqa: SIM115 - below
    else:
        fd, opened = -1, file.open('rb')
    with opened:
        if fd >= 0 and not stat.S_ISREG(os.fstat(fd).st_mode):
            raise DataError('not a plain file')
        content: bytes = opened.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise DataError(f'larger than the {MAX_FILE_BYTES} bytes that are sent with a package: send it by FileService')
    return content
