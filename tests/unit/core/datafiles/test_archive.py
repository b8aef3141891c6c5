"""A package's data files as the zip file that Python 3.9 takes them for."""

import sys
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from svcfw.core.datafiles.archive import Archive

FILES = {'data': {'a.txt': b'content', 'deep': {'b.bin': b'\0\1'}}, 'top.txt': b'x'}


class Entry:
    """A file or folder of a package, as of svcfw.core.datafiles.data."""

    def __init__(self, content: Any, path: str) -> None:
        self.content = content
        self.path = path
        self.name = path.rpartition('/')[2]

    def __str__(self) -> str:
        return self.path

    def is_dir(self) -> bool:
        return isinstance(self.content, dict)

    def is_file(self) -> bool:
        return isinstance(self.content, bytes)

    def iterdir(self) -> Iterator['Entry']:
        return (self.joinpath(name) for name in self.content)

    def joinpath(self, path: str) -> 'Entry':
        found = self.content
        for part in [part for part in path.split('/') if part]:
            found = found.get(part) if isinstance(found, dict) else None
        return Entry(found, f'{self.path}/{path}'.rstrip('/'))

    def open(self, mode: str) -> Any:
        import io

        assert mode == 'rb'
        return io.BytesIO(self.content)


@pytest.fixture
def archive() -> Archive:
    return Archive(Entry(FILES, '<svcfw>/package'), '<svcfw>')


def test_its_names_are_those_of_a_zip(archive: Archive) -> None:
    assert archive.namelist() == [
        'package/', 'package/data/', 'package/data/a.txt', 'package/data/deep/', 'package/data/deep/b.bin',
        'package/top.txt',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('name', 'is_in'),
    [
        ('package/top.txt', True),
        ('package/data/', True),
        ('package/data', False),
        ('package/top.txt/', False),
        ('package/no', False),
        ('other/top.txt', False),
    ],
)
def test_what_is_in_it(archive: Archive, name: str, is_in: bool) -> None:
    assert (name in archive) == is_in


def test_a_file_of_it(archive: Archive) -> None:
    assert archive.open('package/data/a.txt').read() == b'content'


@pytest.mark.skipif(sys.version_info[:2] > (3, 11), reason='zipfile.Path has become another one')
def test_paths_of_the_library_are_made_of_it(archive: Archive) -> None:
    folder = zipfile.Path(archive, 'package/')
    assert sorted(entry.name for entry in folder.iterdir()) == ['data', 'top.txt']
    assert (folder / 'data' / 'a.txt').read_bytes() == b'content'
    assert (folder / 'data').is_dir()
    assert not (folder / 'no').exists()
