"""Every difference from stock ssh on the page names tests, which are there; its numbers are those of the code."""

import ast
import re
from pathlib import Path

import pytest

from svcfw.mux.server import keeping, root_node

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / 'docs' / 'differences.md').read_text()
ENTRIES = re.findall(r'^- (.*?)(?=^- |^## |\Z)', PAGE, re.M | re.S)
HELD = re.findall(r'`(tests/[\w/]+\.py)::(\w+)`', PAGE)


@pytest.mark.parametrize('entry', ENTRIES, ids=lambda entry: re.sub(r'\W+', '-', entry[:40]))
def test_an_entry_names_a_test(entry: str) -> None:
    assert re.search(r'\(held\s+by\s+`tests/[\w/]+\.py::\w+`', entry)


@pytest.mark.parametrize(('path', 'name'), sorted(set(HELD)))
def test_the_test_is_there(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    defined = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    assert name in defined


@pytest.mark.parametrize(
    'words',
    [
        f'{keeping.KEEP_S:g} s after its last use',
        f'{keeping.MAX_AGE_S:g} s after its start at the latest',
        f'has not been used for {keeping.KEEP_S:g} s',
        f'At most {keeping.MAX_KEPT} unused contexts',
        f'not tried for {root_node.LAST_RESORT_S:g} s',
    ],
)
def test_a_number_is_that_of_the_code(words: str) -> None:
    assert words in ' '.join(PAGE.split())
