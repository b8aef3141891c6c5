"""Data files of packages, for contexts that have the package: only files in the package's own folder.

Links are followed as long as they stay in that folder. What is no plain file or folder does not exist. Nor do modules,
and packages with all that is in them, that the context may not have.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from svcfw.boot import sources
from svcfw.core.wire.errors import DecodeError

#: Limits of a file's content, of names in a folder, and of parts of a path: an answer is one message, made at once.
MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_ENTRIES = 20000
MAX_PARTS = 100


#: None; True for a file, or its content; (name, is it a folder) of each entry of a folder.
Found = None | bool | bytes | list[tuple[str, bool]]

#: Tells by its name whether the context may have a module.
MayHave = Callable[[str], bool]


class DataError(Exception):
    """An existing file that is refused; the text says why, without its path."""


def question(value: object) -> tuple[str, list[str], bool]:
    """(package, parts of the path in it, whether the content is wanted), decoded from a request. Raises DecodeError."""
    if type(value) is tuple and len(value) == 3:
        package, parts, wants_content = value
        if type(package) is str and type(parts) is list and all(type(part) is str for part in parts):
            return package, parts, bool(wants_content)
    raise DecodeError('malformed request for a data file')


def look(spec: Any, package: str, parts: list[str], may_have: MayHave, *, wants_content: bool) -> Found:
    """What is at a path in a package; content only if wanted.

    spec: of the package, as its finder made it; nothing of it is imported. may_have: see MayHave. DataError.
    """
    if len(parts) > MAX_PARTS or not all(map(_is_name, parts)):
        return None
    try:
        return _look(spec, package, parts, may_have, wants_content)
    except OSError as exc:
        raise DataError(exc.strerror or type(exc).__name__) from exc


def _look(spec: Any, package: str, parts: list[str], may_have: MayHave, wants_content: bool) -> Found:
    found: Found = None
    for root in _roots(spec):
        here = root.joinpath(*parts) if parts else root
        if isinstance(here, Path) and not _is_inside(here, root):
            continue
        # A link can give a module another name.
        real = here.resolve().relative_to(root.resolve()).parts if isinstance(here, Path) else parts
        if not (_is_given(root, package, parts, may_have) and _is_given(root, package, real, may_have)):
            continue
        if here.is_dir():
            # A namespace package has several folders.
            entries = [entry for entry in _entries(here) if _is_given(root, package, [*parts, entry[0]], may_have)]
            found = sorted({*(found if isinstance(found, list) else ()), *entries})
        elif found is None and here.is_file():
            return _content(here) if wants_content else True
    return found


def _is_given(root: Any, package: str, parts: Sequence[str], may_have: MayHave) -> bool:
    """Whether nothing on a path from a package's folder on is a module that the context may not have."""
    here = root
    name = package
    for part in parts:
        here = here.joinpath(part)
        stem, dot, ending = part.partition('.')
        if not dot and here.joinpath('__init__.py').is_file():
            name = f'{name}.{part}'
            if not may_have(name):
                return False
        elif stem.isidentifier() and _is_source(ending) and here.is_file():
            return may_have(name if stem == '__init__' else f'{name}.{stem}')
        else:
            name = f'{name}.{part}'
    return True


def _is_source(ending: str) -> bool:
    """Whether a file that ends so is a module, or what is made of one (`pyc`, `py~`, `py.orig`)."""
    return any(each.startswith('py') for each in ending.split('.'))


def _is_name(part: str) -> bool:
    return part not in ('', '.', '..') and '/' not in part and '\0' not in part


def _roots(spec: Any) -> Iterator[Any]:
    """The folders of a package, as pathlib has them; in a zip file as zipfile has them."""
    folders = [Path(place) for place in sources.folders(spec)]
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
