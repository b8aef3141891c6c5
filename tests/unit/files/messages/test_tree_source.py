"""What a tree transfer reads: a folder, or files from anywhere as if they were in one."""

import hashlib
import os

import pytest

from svcfw.files import manifest
from svcfw.files.disk.reader import Reader
from svcfw.files.messages.tree_source import SMALL_BYTES, FilesSource, FolderSource, name_of
from svcfw.files.transfers import Transfers
from svcfw.service.errors import TransferError


@pytest.fixture
def paths(tmp_path):
    """Of a large file, a small one and an empty one, in an order that is not that of their names."""
    found = []
    for name, size in (('z', SMALL_BYTES + 1), ('a', SMALL_BYTES), ('m', 0)):
        (tmp_path / name).write_bytes(os.urandom(size))
        found.append(str(tmp_path / name))
    return found


def test_files_have_their_numbers_for_names(paths):
    source = FilesSource(paths, Reader, Transfers())
    root, *entries = source.entries()
    assert (root.name, root.kind) == ('', manifest.DIRECTORY)
    assert len(entries) == len(paths)
    for number, entry in enumerate(entries):
        path = paths[number]
        with open(path, 'rb') as file:
            content = file.read()
        assert (entry.name, entry.size) == (name_of(number), len(content))
        assert entry.digest == hashlib.sha256(content).digest()
        assert entry.content == (content if len(content) <= SMALL_BYTES else None)
        with source.open(entry) as reader:
            assert reader.path == path
    source.close()


def test_a_content_is_held_once(tmp_path, paths):
    (tmp_path / 'copy').write_bytes((tmp_path / 'a').read_bytes())
    small = paths[1]
    source = FilesSource([small, small, str(tmp_path / 'copy')], Reader, Transfers())
    _, first, *others = source.entries()
    assert all(each.content is first.content for each in others)


def test_one_at_a_time_hashes_a_large_one(paths):
    transfers, seen = Transfers(), []
    alone = transfers.alone
    transfers.alone = lambda key: seen.append(key) or alone(key)
    list(FilesSource(paths, Reader, transfers).entries())
    with Reader(paths[0]) as large:
        assert seen == [large.token]


def test_any_number_of_them_is_in_the_order_of_a_manifest():
    names = [name_of(number) for number in (0, 9, 10, 999, 1000, manifest.MAX_ENTRIES)]
    assert names == sorted(names)


def test_what_cannot_be_had_is_named(paths):
    def refuse(path):
        raise TransferError('you may not')

    with pytest.raises(TransferError, match=f'{paths[0]}: you may not'):
        list(FilesSource(paths, refuse, Transfers()).entries())


def test_a_folder_is_as_it_is_scanned(tmp_path, paths):
    source = FolderSource(str(tmp_path), follow=False)
    _, *entries = source.entries()
    assert [entry.name for entry in entries] == ['a', 'm', 'z']
    with source.open(entries[2]) as reader:
        assert (reader.path, reader.size) == (paths[0], SMALL_BYTES + 1)
    source.close()
    source.close()


def test_a_folder_that_is_none(tmp_path, paths):
    with pytest.raises(NotADirectoryError):
        FolderSource(paths[0], follow=False)
