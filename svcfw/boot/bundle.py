"""The second stage: the core, packed once for each process, and a few bytes of configuration for each child.

Sources are found by path, next to this package, so that the same bytes come from a wheel, a checkout or an editable
install, and so that nothing has to be imported to be sent.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from svcfw.boot.minify import minify

_PACKAGE = Path(__file__).resolve().parent.parent
_LOADER = Path(__file__).with_name('loader.py')


@functools.cache
def packed() -> bytes:
    """The core as it travels, without configuration: the same bytes for every child of this process.

    Raises OSError when the package is not there as plain source files.
    """
    parts = [minify(_LOADER.read_text('utf-8')).encode()]
    for path in _sources():
        name = 'svcfw/' + path.relative_to(_PACKAGE).as_posix()
        parts += [name.encode(), minify(path.read_text('utf-8')).encode()]
    # Level 9 costs 5 ms once and saves 2 % for every child; NUL cannot occur in Python source.
    return zlib.compress(b'\0'.join(parts), 9)


def second_stage(config: Mapping[str, object]) -> bytes:
    """What goes into the pipe of a new child before anything else. Its length is what the first stage must be told.

    config: names to None, bool, int, float, str, bytes or lists, tuples and dicts of these: what
    `svcfw.core.entry.main` gets over there, plus 'bundle' (the bytes of `packed`, for children of its own).
    """
    return with_config(packed(), config)


def with_config(bundle: bytes, config: Mapping[str, object]) -> bytes:
    """`second_stage` for a bundle at hand, as a context has that starts children of its own."""
    return bundle + ascii(dict(config)).encode()


def _sources() -> Iterator[Path]:
    yield _PACKAGE / '__init__.py'
    yield from sorted((_PACKAGE / 'core').rglob('*.py'))
