"""Folders are removed as far as they are this account's: of any depth, and never through a link."""

import os
from pathlib import Path

import pytest

from svcfw.files.disk.removal import remove_tree


@pytest.fixture
def above(tmp_path: Path):
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def test_all_that_is_in_it(tmp_path: Path, above: int) -> None:
    (tmp_path / 'folder' / 'a' / 'b').mkdir(parents=True)
    (tmp_path / 'folder' / 'c').mkdir()
    for name in ('x', 'a/x', 'a/b/x'):
        (tmp_path / 'folder' / name).write_text(name)
    os.mkfifo(tmp_path / 'folder' / 'fifo')
    remove_tree(above, b'folder')
    assert os.listdir(tmp_path) == []


def test_of_any_depth(tmp_path: Path, above: int) -> None:
    fd = os.dup(above)
    for _ in range(1500):  # longer than a path may be
        os.mkdir('deep', dir_fd=fd)
        below = os.open('deep', os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    remove_tree(above, b'deep')
    assert os.listdir(tmp_path) == []


def test_links_are_removed_and_not_followed(tmp_path: Path, above: int) -> None:
    (tmp_path / 'precious').mkdir()
    (tmp_path / 'precious' / 'file').write_text('x')
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'folder' / 'link').symlink_to(tmp_path / 'precious')
    remove_tree(above, b'folder')
    assert os.listdir(tmp_path) == ['precious']
    assert (tmp_path / 'precious' / 'file').read_text() == 'x'


def test_a_link_or_file_in_its_place_stays(tmp_path: Path, above: int) -> None:
    (tmp_path / 'precious').mkdir()
    (tmp_path / 'precious' / 'file').write_text('x')
    (tmp_path / 'link').symlink_to('precious')
    (tmp_path / 'file').write_text('x')
    for name in (b'link', b'file', b'nothing'):
        remove_tree(above, name)
    assert sorted(os.listdir(tmp_path)) == ['file', 'link', 'precious']
    assert os.listdir(tmp_path / 'precious') == ['file']


def test_folders_without_permissions(tmp_path: Path, above: int) -> None:
    (tmp_path / 'folder' / 'closed').mkdir(parents=True)
    (tmp_path / 'folder' / 'closed' / 'file').write_text('x')
    (tmp_path / 'folder' / 'closed').chmod(0)
    (tmp_path / 'folder').chmod(0)
    remove_tree(above, b'folder')
    assert os.listdir(tmp_path) == []
