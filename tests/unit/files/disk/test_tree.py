"""A folder is read entry by entry, whatever is in it and whatever happens to it meanwhile."""

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from svcfw.files.disk import tree
from svcfw.files.disk.tree import Folders, scan
from svcfw.files.manifest import DIRECTORY, FILE, OTHER, SYMLINK
from svcfw.service.errors import TransferError
from tests.unit.files.trees import deep, named, travel


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / 'root'
    root.mkdir()
    return root


def names(root: Path, **options: object) -> list[str]:
    return [entry.name for entry in scan(root, **options)]


def test_an_entry_says_it_all(root: Path) -> None:
    (root / 'file').write_bytes(b'content')
    (root / 'file').chmod(0o4751)
    os.utime(root / 'file', ns=(5, 7))
    entry = named(scan(root))['file']
    status = os.lstat(root / 'file')
    assert (entry.kind, entry.size, entry.mode, entry.mtime_ns, entry.atime_ns) == (FILE, 7, 0o4751, 7, 5)
    assert (entry.uid, entry.gid) == (status.st_uid, status.st_gid)
    assert (entry.user, entry.group) == ((root / 'file').owner(), (root / 'file').group())
    assert entry.digest == hashlib.sha256(b'content').digest()
    assert entry.content is None


def test_the_order_is_that_of_a_manifest(root: Path) -> None:
    for name in ('b', 'a/x', 'a/y/z', 'a.b', 'c/d'):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b'')
    assert names(root) == ['', 'a', 'a.b', 'b', 'c', 'a/x', 'a/y', 'a/y/z', 'c/d']
    assert len(travel(scan(root))) == 9


def test_each_kind_is_told(root: Path) -> None:
    (root / 'dir').mkdir()
    (root / 'link').symlink_to('nowhere')
    os.mkfifo(root / 'fifo')
    kinds = {entry.name: entry.kind for entry in scan(root)}
    assert kinds == {'': DIRECTORY, 'dir': DIRECTORY, 'link': SYMLINK, 'fifo': OTHER}
    assert named(scan(root))['link'].target == 'nowhere'


def test_unusual_names(root: Path) -> None:
    raws = sorted([b'new\nline', b'\xff\xfe', b'x' * 255, 'ü'.encode(), b' ', b'-rf', b'\\', b'a\tb'])
    for raw in raws:
        with open(os.path.join(os.fsencode(root), raw), 'wb'):
            pass
    os.symlink(b'\xff\n', os.path.join(os.fsencode(root), b'zz'))
    entries = travel(scan(root))[1:]
    assert [entry.name.encode('utf-8', 'surrogateescape') for entry in entries] == sorted([*raws, b'zz'])
    assert named(entries)['zz'].target == '\udcff\n'


@pytest.mark.parametrize('size', [0, 1, tree.PIECE_BYTES - 1, tree.PIECE_BYTES, tree.PIECE_BYTES + 1, 700_001])
def test_digests_of_all_sizes(root: Path, size: int) -> None:
    content = os.urandom(size)
    (root / 'file').write_bytes(content)
    entry = named(scan(root, inline_bytes=100))['file']
    assert (entry.size, entry.digest) == (size, hashlib.sha256(content).digest())
    assert entry.content == (content if size <= 100 else None)


def test_links_can_be_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / 'outside').mkdir()
    (tmp_path / 'outside' / 'file').write_bytes(b'content')
    (root / 'dir').symlink_to(tmp_path / 'outside')
    (root / 'file').symlink_to('dir/file')
    (root / 'dangling').symlink_to('nowhere')
    (root / 'itself').symlink_to('itself')
    (root / 'up').symlink_to('.')
    (tmp_path / 'outside' / 'back').symlink_to(root)
    entries = named(scan(root, follow=True))
    assert {name: entry.kind for name, entry in entries.items()} == {
        '': DIRECTORY,
        'dir': DIRECTORY,
        'file': FILE,
        'dangling': SYMLINK,
        'itself': SYMLINK,
        'up': SYMLINK,
        'dir/back': SYMLINK,
        'dir/file': FILE,
    }
    assert entries['file'].digest == hashlib.sha256(b'content').digest()
    assert {entry.kind for entry in scan(root)} == {DIRECTORY, SYMLINK}


def test_the_root_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (root / 'file').write_bytes(b'')
    (tmp_path / 'link').symlink_to(root)
    assert names(tmp_path / 'link') == ['', 'file']


@pytest.mark.parametrize('name', ['missing', 'file'])
def test_a_root_that_is_none_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / 'file').write_bytes(b'')
    with pytest.raises(TransferError, match=f'/{name} cannot be read'):
        list(scan(tmp_path / name))


def interrupted(root: Path, at: str) -> Iterator[list[str]]:
    """Scans; gives way once before the entry `at` has been asked for, with the names so far, then yields all."""
    seen = []
    for entry in scan(root):
        seen.append(entry.name)
        if entry.name == at:
            yield list(seen)
    yield seen


def test_what_vanishes_is_left_out(root: Path) -> None:
    for name in ('a', 'b/x', 'c', 'd/y'):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b'')
    scanning = interrupted(root, 'a')
    next(scanning)
    (root / 'c').unlink()
    (root / 'd' / 'y').unlink()
    (root / 'd').rmdir()
    assert next(scanning) == ['', 'a', 'b', 'b/x']
    scanning = interrupted(root, 'b')
    next(scanning)
    (root / 'b' / 'x').unlink()
    (root / 'b').rmdir()
    assert next(scanning) == ['', 'a', 'b']


def test_a_folder_swapped_for_a_link_is_not_entered(root: Path, tmp_path: Path) -> None:
    (root / 'a').mkdir()
    (tmp_path / 'outside').mkdir()
    (tmp_path / 'outside' / 'secret').write_bytes(b'')
    scanning = interrupted(root, 'a')
    next(scanning)
    (root / 'a').rmdir()
    (root / 'a').symlink_to(tmp_path / 'outside')
    assert next(scanning) == ['', 'a']


def test_what_cannot_be_read_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / 'dir').mkdir()
    (root / 'dir' / 'file').write_bytes(b'x')

    def read(fd: int, n: int) -> bytes:
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(os, 'read', read)
    with pytest.raises(TransferError, match='/dir/file cannot be read: Permission denied'):
        list(scan(root))


def test_deep_trees(tmp_path: Path) -> None:
    depth = sys.getrecursionlimit() * 2
    with deep(tmp_path, depth) as root:
        entries = travel(scan(root))
    assert len(entries) == depth + 2
    assert entries[-1].name.count('/') == depth


def test_wide_trees_need_few_descriptors(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(20):
        (root / f'{i:02}' / 'a' / 'b').mkdir(parents=True)
        (root / f'{i:02}' / 'a' / 'b' / 'c').write_bytes(b'')
    monkeypatch.setattr(tree, 'OPEN_FOLDERS', 4)
    before = len(os.listdir('/proc/self/fd'))
    most = 0
    scanning = scan(root)
    for _ in scanning:
        most = max(most, len(os.listdir('/proc/self/fd')))
    assert most <= before + 5
    assert len(os.listdir('/proc/self/fd')) == before


def test_a_scan_given_up_closes_everything(root: Path) -> None:
    (root / 'a' / 'b').mkdir(parents=True)
    before = len(os.listdir('/proc/self/fd'))
    scanning = scan(root)
    for _ in range(3):
        next(scanning)
    scanning.close()
    assert len(os.listdir('/proc/self/fd')) == before


class TestFolders:
    @pytest.fixture
    def folders(self, root: Path) -> Iterator[Folders]:
        folders = Folders(os.open(root, os.O_RDONLY))
        yield folders
        folders.close()

    @pytest.mark.parametrize('name', [b'..', b'.', b'a/..', b'a/.', b'/etc', b'a//b', b'a/'])
    def test_names_that_lead_up_are_refused(self, root: Path, folders: Folders, name: bytes) -> None:
        (root / 'a' / 'b').mkdir(parents=True)
        with pytest.raises(ValueError, match='invalid folder name'):
            folders.get(name)

    @pytest.mark.parametrize('name', [b'link', b'link/b', b'file', b'missing', b'a/missing'])
    def test_links_files_and_nothing_are_refused(self, root: Path, folders: Folders, name: bytes) -> None:
        (root / 'a' / 'b').mkdir(parents=True)
        (root / 'link').symlink_to('a')
        (root / 'file').write_bytes(b'')
        with pytest.raises(OSError, match='Errno'):
            folders.get(name)

    def test_what_was_closed_is_opened_again(
        self, root: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tree, 'OPEN_FOLDERS', 2)
        for name in ('a/b/c', 'd/e/f'):
            (root / name).mkdir(parents=True)
        for name in ('a/b/c', 'd/e/f', 'a', 'a/b', 'd', 'a/b/c'):
            assert os.path.samestat(os.fstat(folders.get(name.encode())), os.stat(root / name))
