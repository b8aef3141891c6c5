"""The imports of a module, read from its source without running it."""

from __future__ import annotations

import ast
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


def imports_of_ours(small: str) -> Iterator[str]:
    """The same for one of our own modules, minified: to parse it takes five times as long, and a program waits."""
    for base, names, modules in _STATEMENT.findall(_LONG_STRING.sub('', small)):
        for name in _NAME.findall(modules):
            yield from [*parents(name), name]
        if base:
            yield from [*parents(base), base]
            yield from (f'{base}.{name}' for name in _NAME.findall(names))


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
    """All statements below a node. `ast.walk` would visit expressions too, which are nine tenths of a tree."""
    for name in ('body', 'orelse', 'finalbody', 'handlers', 'cases'):
        for child in getattr(node, name, ()):
            yield child
            yield from _statements(child)
