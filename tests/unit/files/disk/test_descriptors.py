"""Writing to descriptors that take a part at a time, and open flags that hold nobody up."""

import os

import pytest

from svcfw.files.disk import descriptors


@pytest.fixture
def file(tmp_path):
    fd = os.open(tmp_path / 'file', descriptors.NEW, 0o600)
    yield fd
    os.close(fd)


def test_a_write_that_takes_a_part_is_followed_by_the_rest(file, monkeypatch):
    write, pwrite = os.write, os.pwrite
    monkeypatch.setattr(os, 'write', lambda fd, data: write(fd, data[:3]))
    monkeypatch.setattr(os, 'pwrite', lambda fd, data, offset: pwrite(fd, data[:2], offset))
    descriptors.write_all(file, b'0123456789')
    descriptors.pwrite_all(file, memoryview(b'abcde'), 4)
    assert os.pread(file, 100, 0) == b'0123abcde9'


def test_nothing_is_written_of_nothing(file):
    descriptors.write_all(file, b'')
    descriptors.pwrite_all(file, b'', 5)
    assert os.fstat(file).st_size == 0


def test_a_new_file_takes_the_place_of_nothing(tmp_path):
    (tmp_path / 'link').symlink_to('elsewhere')
    for name in ('link', '.'):
        with pytest.raises(FileExistsError):
            os.open(tmp_path / name, descriptors.NEW, 0o600)
    assert not (tmp_path / 'elsewhere').exists()


def test_reading_a_pipe_without_a_writer_holds_nobody_up(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    os.close(os.open(tmp_path / 'pipe', descriptors.READ))


def test_what_cannot_be_removed_is_left(tmp_path):
    (tmp_path / 'file').touch()
    folder = os.open(tmp_path, descriptors.FOLDER)
    for name in ('file', 'file'):
        descriptors.unlink(name, folder)
    os.close(folder)
    descriptors.unlink(tmp_path)
    assert list(tmp_path.iterdir()) == []
