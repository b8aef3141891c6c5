"""What a module imports, read from its source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def parents(name: str) -> list[str]:
    """The packages that a module is in, outermost first."""
    parts = name.split('.')[:-1]
    return ['.'.join(parts[: i + 1]) for i in range(len(parts))]


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Names that may be modules, for every import statement; `from a import b` gives both a and a.b."""
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


def exported(tree: ast.Module) -> list[str]:
    """The names in `__all__`, as far as they are written down there."""
    names = []
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, 'target', None)]
        if any(isinstance(target, ast.Name) and target.id == '__all__' for target in targets):
            value = getattr(node, 'value', None)
            elements = value.elts if isinstance(value, (ast.List, ast.Tuple)) else []
            names += [each.value for each in elements if isinstance(each, ast.Constant) and type(each.value) is str]
    return names


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node. `ast.walk` would visit the expressions too, which are nine tenths of a tree."""
    for name in ('body', 'orelse', 'finalbody', 'handlers', 'cases'):
        for child in getattr(node, name, ()):
            yield child
            yield from _statements(child)
