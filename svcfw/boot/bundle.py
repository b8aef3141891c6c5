"""The bundle: the core, packed once for each process, sent in the second stage of every child.

Sources are found by path, next to this package: so a wheel, a checkout and an editable install give the same bytes, and
nothing has to be imported to be sent.
"""

from __future__ import annotations

import functools
import zlib
from pathlib import Path

from svcfw.boot.imports import imports_of_ours, parents
from svcfw.boot.minify import minify

_PACKAGE = Path(__file__).resolve().parent.parent
_LOADER = Path(__file__).with_name('loader.py')
_ENTRY = 'svcfw.core.entry'
_MEMORY_LEVEL = 6


@functools.cache
def packed() -> bytes:
    """The core as it is sent, without configuration: the same bytes for every child of this process.

    Raises OSError if the package does not exist as plain source files.
    """
    parts = [minify(_LOADER.read_text('utf-8')).encode()]
    for path, small in sorted(sources().values()):  # similar files side by side: 1 % less
        parts += [path.encode(), small.encode()]
    # Level 9 costs 5 ms once and saves 2 % for every child; a smaller memory for symbols saves a few bytes more for
    # text like this. NUL cannot occur in Python source.
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, _MEMORY_LEVEL)
    return packer.compress(b'\0'.join(parts)) + packer.flush()


@functools.cache
def sources() -> dict[str, tuple[str, str]]:
    """The modules to send: {module name: (path below the package's folder, minified source)}, the entry point and its
    imports.

    The rest of the core is sent when a context imports it.
    """
    found: dict[str, tuple[str, str]] = {}
    waiting = [_ENTRY]
    seen = set(waiting)
    while waiting:
        name = waiting.pop(0)
        path = _path(name)
        if path is None:
            continue
        small = minify(path.read_text('utf-8'))
        found[name] = (path.relative_to(_PACKAGE.parent).as_posix(), small)
        more = [each for each in dict.fromkeys([*parents(name), *imports_of_ours(small)]) if each not in seen]
        seen.update(more)
        waiting += more
    return found


def _path(name: str) -> Path | None:
    """The file of a module of svcfw, None for any other name."""
    if name.partition('.')[0] != _PACKAGE.name:
        return None
    place = _PACKAGE.parent.joinpath(*name.split('.'))
    for path in (place / '__init__.py', place.with_suffix('.py')):
        if path.is_file():
            return path
    return None
