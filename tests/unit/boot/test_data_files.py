"""What of a package's folder is given away: nothing that is not in it."""

import importlib.machinery
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from svcfw.boot import data_files
from svcfw.boot.data_files import DataError


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / 'pkg'
    (folder / 'sub' / 'deep').mkdir(parents=True)
    (folder / '__init__.py').write_text('')
    (folder / 'data.bin').write_bytes(b'\0\xff')
    (folder / 'sub' / 'deep' / 'text').write_text('deep')
    (tmp_path / 'secret').write_text('secret')
    (tmp_path / 'pkg2').mkdir()
    (tmp_path / 'pkg2' / 'other').write_text('other')
    return folder


def spec(*folders: Path) -> Any:
    made = importlib.machinery.ModuleSpec('pkg', None, is_package=True)
    made.submodule_search_locations = [str(folder) for folder in folders]
    return made


def look(spec: Any, parts: list[str], *, wants_content: bool, may_have: data_files.MayHave = bool) -> Any:
    """By one who may have all modules, unless it is said."""
    return data_files.look(spec, 'pkg', parts, may_have, wants_content=wants_content)


def content(package: Path, *parts: str) -> Any:
    return look(spec(package), list(parts), wants_content=True)


def names(*folders: Path, parts: tuple[str, ...] = ()) -> list[str]:
    entries: Any = look(spec(*folders), list(parts), wants_content=False)
    return [name + '/' if is_folder else name for name, is_folder in entries]


def test_files_and_folders(package: Path) -> None:
    assert content(package, 'data.bin') == b'\0\xff'
    assert content(package, 'sub', 'deep', 'text') == b'deep'
    assert look(spec(package), ['data.bin'], wants_content=False) is True
    assert names(package) == ['__init__.py', 'data.bin', 'sub/']
    assert content(package, 'sub') == [('deep', True)], 'a folder has no content'
    for parts in (['none'], ['data.bin', 'none'], ['x' * 300], ['sub'] * 1000):
        assert content(package, *parts) is None


@pytest.mark.parametrize(
    'parts',
    [
        ['..', 'secret'],
        ['sub', '..', 'data.bin'],
        ['.'],
        [''],
        ['', 'secret'],
        ['../secret'],
        ['sub/deep'],
        ['data.bin\0'],
    ],
)
def test_parts_of_a_path_are_names(package: Path, parts: list[str]) -> None:
    assert content(package, *parts) is None
    assert content(package, '..', 'data.bin') is None
    assert content(package, str(package.parent / 'secret')) is None


def test_links_lead_nowhere_else(package: Path) -> None:
    (package / 'within').symlink_to('sub/deep/text')
    (package / 'out').symlink_to('../secret')
    (package / 'beside').symlink_to('../pkg2')
    (package / 'far').symlink_to('/etc')
    (package / 'loop').symlink_to('loop')
    assert content(package, 'within') == b'deep'
    for parts in (['out'], ['beside'], ['beside', 'other'], ['far', 'passwd'], ['far'], ['loop'], ['loop', 'x']):
        assert content(package, *parts) is None


def test_a_package_that_is_a_link_is_where_it_leads(package: Path, tmp_path: Path) -> None:
    (tmp_path / 'link').symlink_to('pkg')
    assert content(tmp_path / 'link', 'data.bin') == b'\0\xff'


def test_what_is_no_plain_file_does_not_exist(package: Path) -> None:
    os.mkfifo(package / 'pipe')
    assert content(package, 'pipe') is None


def test_several_folders(package: Path, tmp_path: Path) -> None:
    both = spec(package, tmp_path / 'pkg2', tmp_path / 'none')
    assert names(package, tmp_path / 'pkg2', tmp_path / 'none') == ['__init__.py', 'data.bin', 'other', 'sub/']
    assert look(both, ['other'], wants_content=True) == b'other'


def test_a_zip_file(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / 'program.zip'
    with zipfile.ZipFile(archive, 'w') as zipped:
        for path in package.rglob('*'):
            zipped.write(path, path.relative_to(tmp_path))
    monkeypatch.syspath_prepend(archive)
    found = importlib.machinery.PathFinder.find_spec('pkg', [str(archive)])
    assert look(found, ['sub', 'deep', 'text'], wants_content=True) == b'deep'
    assert look(found, ['sub'], wants_content=False) == [('deep', True)]
    assert look(found, ['..', 'data.bin'], wants_content=True) is None
    assert look(found, ['none'], wants_content=True) is None


def test_limits(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_files, 'MAX_ENTRIES', 2)
    with pytest.raises(DataError, match='more than 2 entries'):
        look(spec(package), [], wants_content=False)
    monkeypatch.setattr(data_files, 'MAX_FILE_BYTES', 2)
    assert content(package, 'data.bin') == b'\0\xff'
    with pytest.raises(DataError, match='larger than the 2 bytes'):
        content(package, 'sub', 'deep', 'text')


def test_a_name_that_is_no_text_is_left_out(package: Path) -> None:
    (package / 'sub' / os.fsdecode(b'\xff')).write_text('')
    assert content(package, 'sub') == [('deep', True)]


def test_modules_that_one_may_not_have_are_not_there(package: Path) -> None:
    (package / 'settings.py').write_text('PASSWORD = 1')
    (package / 'used.py').write_text('')
    (package / 'my-script.py').write_text('')
    (package / 'sub' / 'late.py').write_text('')
    (package / '__pycache__').mkdir()
    (package / '__pycache__' / 'settings.cpython-311.pyc').write_text('')
    (package / 'part' / 'data').mkdir(parents=True)
    (package / 'part' / '__init__.py').write_text('')
    (package / 'part' / 'data' / 'file').write_text('')
    (package / 'link').symlink_to('settings.py')

    def seen(*parts: str) -> Any:
        return look(spec(package), list(parts), wants_content=True, may_have={'pkg', 'pkg.used'}.__contains__)

    assert [name for name, _ in seen()] == ['__init__.py', 'data.bin', 'link', 'my-script.py', 'sub', 'used.py']
    assert seen('used.py') == seen('my-script.py') == b''
    for parts in ('settings.py', 'link', 'part', 'part/data', 'part/data/file', 'sub/late.py', 'settings.py.orig'):
        assert seen(*parts.split('/')) is None
    assert seen('__pycache__', 'settings.cpython-311.pyc') is None
    assert [name for name, _ in seen('sub')] == ['deep']
