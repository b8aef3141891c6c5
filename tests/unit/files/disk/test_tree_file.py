"""One file of a folder that is written: it takes its place whole, or nothing is changed."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from svcfw.files.disk.metadata import Metadata
from svcfw.files.disk.tree_file import TreeFile, unwritable
from svcfw.files.manifest import FILE, Entry
from svcfw.service.errors import TransferError

CONTENT = b'new content'


class Scene:
    """A folder with an old file, and the file that is written over it."""

    def __init__(self, folder: Path, mode: int | None = 0o640, in_place: bool = False) -> None:
        self.path = folder / 'file'
        self.over: list[tuple[TreeFile, bool]] = []
        self._folder = os.open(folder, os.O_RDONLY)
        entry = Entry('file', FILE, len(CONTENT), mode, None, None, digest=hashlib.sha256(CONTENT).digest())
        self.file = TreeFile(
            os.fsencode(folder), entry, self._folder, b'file', Metadata(False, 0o777), in_place,
            lambda file, is_done: self.over.append((file, is_done)),
        )  # fmt: skip

    def close(self) -> None:
        self.file.abandon()
        os.close(self._folder)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    (tmp_path / 'file').write_bytes(b'old')
    made = Scene(tmp_path)
    yield made
    made.close()


def test_it_takes_its_place_when_all_of_it_is_there(scene: Scene, tmp_path: Path) -> None:
    scene.file.write(CONTENT[:4])
    scene.file.write(memoryview(CONTENT)[4:])
    assert scene.path.read_bytes() == b'old'
    scene.file.finish()
    assert scene.path.read_bytes() == CONTENT
    assert stat.S_IMODE(scene.path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ['file']
    scene.file.abandon()
    assert scene.over == [(scene.file, True)]


@pytest.mark.parametrize(('content', 'cause'), [(b'new conten', 'checksum'), (b'other stuff', 'checksum'),
                                                (CONTENT + b'!', 'larger than its size')])  # fmt: skip
def test_another_content_leaves_what_was_there(scene: Scene, tmp_path: Path, content: bytes, cause: str) -> None:
    def write() -> None:
        scene.file.write(content)
        scene.file.finish()

    with pytest.raises(TransferError, match=f'{scene.path} cannot be written: {cause}'):
        write()
    assert scene.path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['file']
    assert scene.over == [(scene.file, False)]


def test_one_that_the_caller_has_verified_needs_its_size(scene: Scene) -> None:
    os.write(scene.file.fd, CONTENT[:-1])
    with pytest.raises(TransferError, match='checksum'):
        scene.file.finish(is_verified=True)


def test_what_is_written_by_its_descriptor_counts_if_it_is_verified(scene: Scene) -> None:
    os.write(scene.file.fd, CONTENT)
    scene.file.finish(is_verified=True)
    assert scene.path.read_bytes() == CONTENT


def test_in_a_hidden_folder_it_has_its_name_at_once(tmp_path: Path) -> None:
    made = Scene(tmp_path, in_place=True)
    assert os.listdir(tmp_path) == ['file']
    made.close()
    assert os.listdir(tmp_path) == []


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = len(os.listdir('/proc/self/fd'))
    Scene(tmp_path).close()
    assert len(os.listdir('/proc/self/fd')) == before


@pytest.mark.parametrize(
    ('reason', 'text'), [(OSError(28, 'No space left on device'), 'No space left on device'), ('why', 'why')]
)
def test_the_error_names_the_file(reason: object, text: str) -> None:
    assert str(unwritable(b'/root', 'a/b', reason)) == f'/root/a/b cannot be written: {text}'
    assert str(unwritable(b'/root', '', reason)) == f'/root cannot be written: {text}'
