"""What docs/architecture.md names is there: each file, and each folder with what its head says of it."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / 'docs' / 'architecture.md').read_text()
PACKAGE = ROOT / 'svcfw'
FILES = sorted(set(re.findall(r'`([a-z_0-9/]+\.py)`', PAGE)))
FOLDERS = sorted(path.parent.relative_to(ROOT).as_posix() for path in PACKAGE.rglob('__init__.py'))


def places_of(name: str) -> list[Path]:
    """The files that a name leads to: from the top, or by the end of its path within the packages."""
    if (ROOT / name).is_file():
        return [ROOT / name]
    found = [path for top in (PACKAGE, ROOT / 'ansible_plugins') for path in top.rglob(Path(name).name)]
    return [path for path in found if path.as_posix().endswith('/' + name)]


@pytest.mark.parametrize('name', FILES)
def test_a_file_that_is_named_is_there_once(name: str) -> None:
    assert len(places_of(name)) == 1, f'{name}: {places_of(name)}'


@pytest.mark.parametrize('folder', FOLDERS)
def test_a_folder_has_its_row_and_a_head(folder: str) -> None:
    assert f'| `{folder}/` |' in PAGE
    assert ast.get_docstring(ast.parse((ROOT / folder / '__init__.py').read_text()))


#: Beyond the limits, and why.
LONGER_FILES = {
    'ansible_plugins/connection/svcfw.py': 'its documentation of the options, which ansible-doc reads there',
}
LONGER_FUNCTIONS: dict[str, str] = {}
CODE = sorted(path for top in ('svcfw', 'ansible_plugins') for path in (ROOT / top).rglob('*.py'))


def test_no_folder_holds_more_than_a_reader_keeps_in_mind() -> None:
    crowded = {folder: len(list((ROOT / folder).glob('*.py'))) for folder in FOLDERS}
    assert [folder for folder, count in crowded.items() if count > 16] == []


def test_a_file_is_read_in_one_sitting() -> None:
    long = {path.relative_to(ROOT).as_posix() for path in CODE if len(path.read_text().splitlines()) > 400}
    assert long == set(LONGER_FILES)


def test_a_function_fits_a_screen() -> None:
    long = {
        f'{path.relative_to(ROOT).as_posix()}:{node.name}'
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= 50
    }
    assert long == set(LONGER_FUNCTIONS)
