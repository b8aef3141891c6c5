import os

import pytest

from svcfw.files.disk import replacement


def writer(content, mode=0o644):
    def write(path):
        with open(path, 'r+b') as file:
            file.write(content)
        return mode

    return write


@pytest.fixture
def umask():
    old = os.umask(0o022)
    yield
    os.umask(old)


def test_a_new_file_gets_the_given_mode_under_the_umask(tmp_path, umask):
    replacement.replace(str(tmp_path / 'f'), writer(b'x', 0o777))
    assert (tmp_path / 'f').read_bytes() == b'x'
    assert (tmp_path / 'f').stat().st_mode & 0o7777 == 0o755


def test_an_old_file_keeps_its_mode(tmp_path, umask):
    (tmp_path / 'f').write_bytes(b'older and longer')
    (tmp_path / 'f').chmod(0o640)
    replacement.replace(str(tmp_path / 'f'), writer(b'x'))
    assert (tmp_path / 'f').read_bytes() == b'x'
    assert (tmp_path / 'f').stat().st_mode & 0o7777 == 0o640


def test_a_failure_leaves_things_as_they_were(tmp_path):
    (tmp_path / 'f').write_bytes(b'old')

    def write(path):
        writer(b'half')(path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replacement.replace(str(tmp_path / 'f'), write)
    assert os.listdir(tmp_path) == ['f']
    assert (tmp_path / 'f').read_bytes() == b'old'


def test_a_link_stays_one(tmp_path):
    (tmp_path / 'real').write_bytes(b'old')
    (tmp_path / 'link').symlink_to('real')
    replacement.replace(str(tmp_path / 'link'), writer(b'new'))
    assert (tmp_path / 'link').is_symlink()
    assert (tmp_path / 'real').read_bytes() == b'new'


def test_a_device_is_written_into():
    replacement.replace('/dev/null', writer(b'x'))
    assert not os.path.isfile('/dev/null')


def test_a_missing_directory_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        replacement.replace(str(tmp_path / 'no' / 'f'), writer(b'x'))
