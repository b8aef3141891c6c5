"""A file beside its place: all of it gets there, or nothing."""

import os
from pathlib import Path

import pytest

from svcfw.files.disk.beside import Beside


def made(folder: Path, *, by_descriptor: bool) -> tuple[Beside, int]:
    if by_descriptor:
        fd = os.open(folder, os.O_RDONLY)
        return Beside(b'.new', b'file', fd), fd
    return Beside(str(folder / '.new'), str(folder / 'file')), -1


@pytest.mark.parametrize('by_descriptor', [True, False])
def test_it_takes_the_place_of_what_was_there(tmp_path: Path, by_descriptor: bool) -> None:
    (tmp_path / 'file').write_bytes(b'old')
    file, folder = made(tmp_path, by_descriptor=by_descriptor)
    os.write(file.fd, b'new')
    assert (tmp_path / 'file').read_bytes() == b'old'
    assert (tmp_path / '.new').stat().st_mode & 0o777 == 0o600
    file.put_in_place()
    file.close()
    file.abandon()
    assert os.listdir(tmp_path) == ['file']
    assert (tmp_path / 'file').read_bytes() == b'new'
    if folder >= 0:
        os.close(folder)


@pytest.mark.parametrize('by_descriptor', [True, False])
def test_nothing_is_left_of_one_that_is_abandoned(tmp_path: Path, by_descriptor: bool) -> None:
    file, folder = made(tmp_path, by_descriptor=by_descriptor)
    file.abandon()
    file.abandon()
    assert (file.fd, file.temporary) == (-1, None)
    assert os.listdir(tmp_path) == []
    if folder >= 0:
        os.close(folder)


def test_a_temporary_name_that_is_taken_is_an_error(tmp_path: Path) -> None:
    (tmp_path / '.new').symlink_to('elsewhere')
    with pytest.raises(FileExistsError):
        Beside(str(tmp_path / '.new'), str(tmp_path / 'file'))


def test_one_that_cannot_be_put_in_place_can_be_abandoned(tmp_path: Path) -> None:
    (tmp_path / 'file').mkdir()
    file, _ = made(tmp_path, by_descriptor=False)
    with pytest.raises(OSError, match='directory'):
        file.put_in_place()
    file.abandon()
    assert os.listdir(tmp_path) == ['file']


def test_where_nobody_sees_it_it_has_its_name_at_once(tmp_path: Path) -> None:
    place = str(tmp_path / 'file')
    with_name = Beside(place, place)
    with_name.put_in_place()
    with_name.abandon()
    assert os.path.exists(place)
    os.unlink(place)
    Beside(place, place).abandon()
    assert not os.path.exists(place)


def test_an_open_file_can_be_given(tmp_path: Path) -> None:
    partial = tmp_path / '.partial'
    partial.write_bytes(b'begun')
    file = Beside(str(partial), str(tmp_path / 'file'), fd=os.open(partial, os.O_RDWR | os.O_APPEND))
    os.write(file.fd, b' and done')
    file.put_in_place()
    file.abandon()
    assert (tmp_path / 'file').read_bytes() == b'begun and done'


def test_a_link_takes_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / 'file').write_bytes(b'old')
    link = Beside(str(tmp_path / '.new'), str(tmp_path / 'file'), fd=-1)
    (tmp_path / '.new').symlink_to('target')
    link.put_in_place()
    link.abandon()
    assert os.listdir(tmp_path) == ['file']
    assert os.readlink(tmp_path / 'file') == 'target'


def test_nothing_is_left_of_a_link_that_is_abandoned(tmp_path: Path) -> None:
    link = Beside(str(tmp_path / '.new'), str(tmp_path / 'file'), fd=-1)
    (tmp_path / '.new').symlink_to('target')
    link.abandon()
    assert os.listdir(tmp_path) == []
