import ast
from pathlib import Path

import pytest

import svcfw
from svcfw.boot.foreign import imports
from svcfw.boot.imports import imports_of_ours
from svcfw.boot.minify import minify

PACKAGE = Path(svcfw.__file__).parent
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob('*.py'))


@pytest.mark.parametrize('path', MODULES)
def test_of_our_own_modules_it_finds_what_the_parser_finds(path: str) -> None:
    source = (PACKAGE / path).read_text('utf-8')
    package = 'svcfw.' + path.rpartition('/')[0].replace('/', '.')
    assert set(imports_of_ours(minify(source))) == set(imports(ast.parse(source), package.rstrip('.')))


def test_a_statement_over_several_lines_other_names_and_text_that_looks_like_one() -> None:
    source = '''
import a.b as c, d
from e.f import (
    g,  # why
    h as i,
)
def function():
    from j import k
TEXT = """
import l
"""
import m
'''
    found = imports_of_ours(minify(source))
    assert set(found) == {'a', 'a.b', 'd', 'e', 'e.f', 'e.f.g', 'e.f.h', 'j', 'j.k', 'm'}
