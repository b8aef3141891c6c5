"""Sources of modules of this process, ready to travel. Looking for one never imports it, nor a package it is in.

Used by the responder on its loop. What a target asks for may be no name at all: whatever is wrong with it, there is no
such module.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import sys
import zlib
from pathlib import Path
from typing import Any

from svcfw.boot.imports import imports_of_ours, parents
from svcfw.boot.minify import minify
from svcfw.core import load

#: A longer name is no module's.
MAX_NAME_CHARS = 500

#: The declaration of an encoding (PEP 263), in one of the first two lines; what travels is UTF-8.
_COOKIE = re.compile(r'\A((?:[^\n]*\n)?[ \t\f]*)#[^\n]*?coding[:=][^\n]*')
_NEVER = frozenset(sys.stdlib_module_names)
#: What finders raise for a name that is none, or beside packages that are not there. KeyError: namespace packages look
#: for the one that they are in among the modules that are imported.
_NOT_FOUND = (AttributeError, ImportError, KeyError, ValueError)


class Source:
    """One module, ready to travel.

    packed: zlib source; path: as tracebacks show it. imports: what its statements import, its packages first; exported:
    what `from it import *` gives, which may be modules.
    """

    def __init__(self, name: str, is_package: bool, path: str, text: str) -> None:
        #: What it cost to make this, in bytes of text.
        self.size = len(text)
        self.exported: list[str] = []
        if name.partition('.')[0] == 'svcfw':  # minify knows the style of ours
            text = minify(text)
            imported = imports_of_ours(text)
        else:
            foreign = load('svcfw.boot.foreign')
            tree = foreign.parse(text)
            if name == '__main__':
                text = foreign.without_main_guard(tree, text, path)
            imported = foreign.imports(tree, name if is_package else name.rpartition('.')[0])
            if is_package:
                self.exported = foreign.exported(tree)
            text = _COOKIE.sub(r'\1#', text, count=1)
        self.is_package = is_package
        #: Whether this is a package that consists of nothing but folders.
        self.is_namespace = False
        self.path = path
        self.packed = zlib.compress(text.encode(), 6)
        self.imports = [*parents(name), *dict.fromkeys(imported)]


def find(name: str) -> Source | None:
    """The module of that name; None where there is none with a source."""
    try:
        if name == '__main__':
            return program()
        spec = _spec(name) if is_name(name) else None
        if spec is None:
            return None
        is_package = spec.submodule_search_locations is not None
        text = _source_text(spec)
        suffix = '/__init__.py' if is_package else '.py'
        if text is None:
            return None
        source = Source(name, is_package, name.replace('.', '/') + suffix, text)
        source.is_namespace = _is_namespace(spec)
        return source
    except (*_NOT_FOUND, OSError, SyntaxError, RecursionError):
        return None  # an extension module, or something else without source: the target has it or has not


def program() -> Source:
    """The program that runs here. OSError, SyntaxError, ValueError where it cannot be sent."""
    file = getattr(sys.modules['__main__'], '__file__', None)
    if file is None or file == '<stdin>' or Path(file).is_fifo():  # bash: python <(...)
        raise ValueError(
            'it was not started from a file (python -c, standard input, a notebook, ...). Put them into a module'
        )
    return Source('__main__', False, Path(file).name, _read(Path(file)))


def spec_or_none(name: str) -> Any:
    """Where a module is, if it is here."""
    try:
        return _spec(name) if is_name(name) else None
    except _NOT_FOUND:
        return None


def is_namespace(name: str) -> bool:
    """Whether this is a package that consists of nothing but a folder, or of several."""
    spec = spec_or_none(name)
    return spec is not None and _is_namespace(spec)


def _is_namespace(spec: Any) -> bool:
    return spec.origin is None and spec.submodule_search_locations is not None


def is_name(name: str) -> bool:
    """Whether this may be the name of a module that is not in every Python."""
    is_one = len(name) <= MAX_NAME_CHARS and all(part.isidentifier() for part in name.split('.'))
    return is_one and name.partition('.')[0] not in _NEVER


def folders(spec: Any) -> list[str]:
    """The folders of a package."""
    try:
        return list(spec.submodule_search_locations or ())
    except _NOT_FOUND:  # of a namespace package in one that is not imported
        return []


def _spec(name: str) -> Any:
    """The module's spec, found without importing its package."""
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__spec__ is not None:
        return loaded.__spec__
    path = None
    parent = name.rpartition('.')[0]
    if parent:
        parent_spec = _spec(parent)
        if parent_spec is None or parent_spec.submodule_search_locations is None:
            return None
        path = folders(parent_spec)
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, path)
        except KeyError:  # a namespace package in one that is not imported, where that of the library looks
            spec = _namespace(name, path or [])
        if spec is not None:
            return spec
    return None


def _namespace(name: str, path: list[str]) -> Any:
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    candidates = [Path(folder, name.rpartition('.')[2]) for folder in path]
    spec.submodule_search_locations = [str(folder) for folder in candidates if folder.is_dir()]
    return spec


def _source_text(spec: Any) -> str | None:
    """The source of a module; '' for a namespace package, None where there is none."""
    if _is_namespace(spec):
        return ''
    if hasattr(spec.loader, 'get_source'):
        text: str | None = spec.loader.get_source(spec.name)
        return text
    # A loader that rewrites what it loads, as pytest's does, need not offer the source.
    return _read(Path(spec.origin)) if str(spec.origin).endswith('.py') else None


def _read(path: Path) -> str:
    return importlib.util.decode_source(path.read_bytes())
