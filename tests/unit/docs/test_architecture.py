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


def test_no_folder_holds_more_than_a_reader_keeps_in_mind() -> None:
    crowded = {folder: len(list((ROOT / folder).glob('*.py'))) for folder in FOLDERS}
    assert [folder for folder, count in crowded.items() if count > 16] == []
