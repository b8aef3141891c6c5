"""The modules of svcfw that any context may have: what runs on targets, and nothing of what runs beside the program."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
#: Folders that are sent as a whole, and single modules of others.
_FOLDERS = ('core', 'service', 'files', 'agent', 'transport')
_MODULES = ('svcfw', 'svcfw.boot', 'svcfw.boot.first_stage', 'svcfw.boot.loader')
#: Below a folder that is sent: the transport by paramiko, which is for children of the program alone.
_KEPT = 'svcfw.transport.paramiko'


@functools.cache
def names() -> frozenset[str]:
    """The names of all of them. Reads folders, once for each process."""
    return frozenset(_MODULES) | {name for folder in _FOLDERS for name in _below(folder) if not _is_kept(name)}


def _below(folder: str) -> Iterator[str]:
    # By strings: pathlib takes 8 ms more.
    root = str(_PACKAGE.parent)
    for path, _, files in os.walk(_PACKAGE / folder):
        package = path[len(root) + 1 :].replace(os.sep, '.')
        for name, extension in map(os.path.splitext, files):
            if extension == '.py':
                yield package if name == '__init__' else f'{package}.{name}'


def _is_kept(name: str) -> bool:
    return name == _KEPT or name.startswith(_KEPT + '.')
