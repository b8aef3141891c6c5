"""The imports of our own modules, read from their sources without running them."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: An import statement in what `minify` makes of our sources.
_STATEMENT = re.compile(r'^ *(?:from ([\w.]+) import ?(\([^)]*\)|[^\n]*)|import ([^\n]+))$', re.MULTILINE)
_NAME = re.compile(r'([\w.]+)(?: as \w+)?')
_LONG_STRING = re.compile(r'("""|\'\'\').*?\1', re.DOTALL)


def parents(name: str) -> list[str]:
    """The packages that contain a module, outermost first."""
    parts = name.split('.')[:-1]
    return ['.'.join(parts[: i + 1]) for i in range(len(parts))]


def imports_of_ours(small: str) -> Iterator[str]:
    """Possible module names in every import statement of one of our modules, minified; `from a import b` gives both a
    and a.b. To parse it takes five times as long, and a program waits: that is for others (foreign.py)."""
    for base, names, modules in _STATEMENT.findall(_LONG_STRING.sub('', small)):
        for name in _NAME.findall(modules):
            yield from [*parents(name), name]
        if base:
            yield from [*parents(base), base]
            yield from (f'{base}.{name}' for name in _NAME.findall(names))
