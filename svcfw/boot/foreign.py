"""What other programs' modules import, and what of a program is to be left out, by their syntax trees.

Loaded for the first such module: a multiplexer sends none, and `ast` would take 3 ms of its start.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from svcfw.boot.imports import parents


def parse(text: str) -> ast.Module:
    """SyntaxError, ValueError, RecursionError."""
    return ast.parse(text)


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


def without_main_guard(tree: ast.Module, text: str, path: str) -> str:
    """A program's source, to be imported elsewhere: its `if __name__ == '__main__':` blocks are blanked.

    ValueError for a program that has neither such a block nor a function with `@svcfw.main()`: importing it would run
    it.
    """
    guards = [node for node in tree.body if isinstance(node, ast.If) and '__name__' in ast.unparse(node.test)]
    if not guards and not _has_main_function(tree):
        raise ValueError(
            f'{path} would run there when it is imported. '
            'Put what it does into a function with @svcfw.main(), or below `if __name__ == "__main__":`'
        )
    lines = text.split('\n')  # not splitlines(), to which a form feed ends a line
    for guard in guards:
        for number in range(guard.lineno, (guard.end_lineno or guard.lineno) + 1):
            lines[number - 1] = ''
    return '\n'.join(lines)


def _has_main_function(tree: ast.Module) -> bool:
    """Whether a function is decorated with `svcfw.main()`, under whatever names both were imported."""
    modules, functions = set(), set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if alias.name == 'svcfw'}
        elif isinstance(node, ast.ImportFrom) and node.module == 'svcfw' and not node.level:
            functions |= {alias.asname or alias.name for alias in node.names if alias.name == 'main'}
    calls = [
        decorator.func
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
    ]
    return any(
        (isinstance(call, ast.Name) and call.id in functions)
        or (isinstance(call, ast.Attribute) and call.attr == 'main' and ast.unparse(call.value) in modules)
        for call in calls
    )
