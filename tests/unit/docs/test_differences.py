"""Every difference from stock ssh that the page tells of names a test, and that test is there."""

import ast
import re
from pathlib import Path

import pytest

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
