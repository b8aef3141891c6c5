import ast
import importlib
import inspect
from pathlib import Path

import pytest

import svcfw
from svcfw.boot.minify import minify

PACKAGE = Path(svcfw.__file__).parent
SOURCES = sorted(PACKAGE.rglob('*.py'))


def meaning(source: str) -> str:
    """The program with its line numbers, without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, 'body', None)
        if isinstance(body, list) and body and is_text(body[0]) and not isinstance(node, ast.If | ast.For | ast.While):
            body[0:1] = [] if len(body) > 1 or isinstance(node, ast.Module) else [ast.Expr(ast.Constant(0))]
    for node in ast.walk(tree):
        for name in ('col_offset', 'end_col_offset'):
            if hasattr(node, name):
                setattr(node, name, 0)
    return ast.dump(tree, include_attributes=False) + str(lines_of(tree))


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def lines_of(tree: ast.AST) -> list[int]:
    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt) and not is_zero(node)]


def is_zero(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value == 0


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_our_own_sources_mean_the_same_on_the_same_lines(path: Path) -> None:
    source = path.read_text('utf-8')
    small = minify(source)
    assert meaning(small) == meaning(source)
    assert len(small) <= len(source) + 1


@pytest.mark.parametrize('name', ['argparse', 'dataclasses', 'enum', 'inspect', 'pdb', 'tarfile', 'typing', 'zipfile'])
def test_sources_of_others_too(name: str) -> None:
    source = inspect.getsource(importlib.import_module(name))
    assert meaning(minify(source)) == meaning(source)


@pytest.mark.parametrize(
    ('source', 'small'),
    [
        ('"""Doc."""\n', '\n'),
        ('"""Doc."""\nx = 1\n', '\nx=1\n'),
        ('x = 1  # why\n# more\ny = 2\n', 'x=1\n\ny=2\n'),
        ('def f():\n    """Doc."""\n    return 1\n', 'def f():\n\n return 1\n'),
        ('def f():\n    """Doc."""\n', 'def f():\n 0\n'),
        ('def f():\n    """Two\n    lines."""\n\n\nx = 1\n', 'def f():\n 0\n\n\n\nx=1\n'),
        ('def f():\n    # only\n    """Doc."""\n    # after\n    pass\n', 'def f():\n\n\n\n pass\n'),
        ('x = """not\n  a doc"""\n', 'x="""not\n  a doc"""\n'),
        ('f(\n    1,  # one\n    2,\n)\n', 'f(\n1,\n2,\n)\n'),
        ('x = 1 + \\\n    2\n', 'x=1+\\\n2\n'),
        ('if x:\n    if y:\n        z\nelse:\n    w\n', 'if x:\n if y:\n  z\nelse:\n w\n'),
        ('return_ = not x in y\n', 'return_=not x in y\n'),
        ('x = 1 if y else 2\n', 'x=1 if y else 2\n'),
        ('x = 1 .real\n', 'x=1 .real\n'),
        ("x = y if y else 'no'\n", "x=y if y else'no'\n"),
        ("x = f'{a  + 1} {b}'  # c\n", "x=f'{a  + 1} {b}'\n"),
        ("x = f'''{a}\n  {b}''' + 1\n", "x=f'''{a}\n  {b}'''+1\n"),
        ("x = '#' + '''# '''\n", "x='#'+'''# '''\n"),
        ('@ wraps(f)\ndef g(): pass\n', '@wraps(f)\ndef g():pass\n'),
        ('x = - -1\n', 'x=--1\n'),
        ('# -*- coding: utf-8 -*-\nx = "\u00e9"\n', '\nx="\u00e9"\n'),
    ],
)
def test_what_becomes_of(source: str, small: str) -> None:
    assert minify(source).rstrip('\n') == small.rstrip('\n')
    assert ast.dump(ast.parse(minify(small))) == ast.dump(ast.parse(small))
