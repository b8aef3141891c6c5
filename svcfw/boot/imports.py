"""The imports of a module, read from its source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def parents(name: str) -> list[str]:
    """The packages that contain a module, outermost first."""
    parts = name.split('.')[:-1]
    return ['.'.join(parts[: i + 1]) for i in range(len(parts))]


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Possible module names in every import statement; `from a import b` gives both a and a.b."""
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from [*parents(alias.name), alias.name]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                above = package.split('.')[: len(package.split('.')) - node.level + 1]
                base = '.'.join([*above, base]) if base else '.'.join(above)
            if base:
                yield from [*parents(base), base]
                yield from (f'{base}.{alias.name}' for alias in node.names)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node. `ast.walk` would visit expressions too, which are nine tenths of a tree."""
    for name in ('body', 'orelse', 'finalbody', 'handlers', 'cases'):
        for child in getattr(node, name, ()):
            yield child
            yield from _statements(child)
