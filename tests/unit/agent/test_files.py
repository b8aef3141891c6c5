"""File operations against a real file system, and the words they fail with."""

import hashlib
import os
import stat
import subprocess

import pytest

from svcfw.agent import files, ops
from svcfw.agent.files import Download, Failure
from svcfw.agent.puts import Puts
from svcfw.agent.requests import Put
from svcfw.files.disk.upload import Upload
from tests.support.hosts import CHECKOUT
from tests.support.interpreters import need_python

ODD = [b'plain', b'caf\xc3\xa9', b'\xff\xfe', b'new\nline', b'-rf', b' ']
no_root = pytest.mark.skipif(os.getuid() == 0, reason='root may do it')


def sha256(data):
    return hashlib.sha256(data).digest()


def begin_put(path):
    Puts(None).put(7, Put(path, 0o600, b'', ops.PUT_FIRST, b''))


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.parametrize('name', ODD)
def test_every_name_is_itself(tmp_path, name):
    path = files.decoded(os.fsencode(tmp_path) + b'/' + name)
    files.make_directory(path, 0o77)
    upload = Upload(path + '/file', 0o600)
    upload.write(b'content')
    upload.close(sha256(b'content'))
    assert os.listdir(os.fsencode(tmp_path)) == [name]
    files.make_accessible([path + '/file'])
    download = Download(path + '/file')
    assert (download.read(100), download.read(100)) == (b'content', b'')
    assert (download.mode, download.size, download.digest()) == (0o700, 7, sha256(b'content'))
    download.close()
    files.remove(path, True)
    assert os.listdir(tmp_path) == []


def test_names_do_not_depend_on_the_locale(tmp_path):
    python = need_python('3.6')
    program = f'import sys; sys.path.insert(0, {str(CHECKOUT)!r}); from svcfw.agent import files; '
    program += f'files.make_directory({str(tmp_path)!r} + "/caf\\xe9", None); print(ascii(files.expand_user("~")))'
    env = {'LC_ALL': 'C', 'PYTHONCOERCECLOCALE': '0', 'PYTHONUTF8': '0', 'HOME': '/home/\u00e9'}
    done = subprocess.run([python, '-c', program], env=env, capture_output=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (b"'/home/\\xe9'", b'')
    assert os.listdir(os.fsencode(tmp_path)) == ['café'.encode()]


def test_directories_obey_the_umask_given(tmp_path):
    before = os.umask(0o22)
    try:
        files.make_directory(f'{tmp_path}/a/b', 0o77)
        files.make_directory(f'{tmp_path}/c', None)
        assert os.umask(0o22) == 0o22
    finally:
        os.umask(before)
    assert (mode(tmp_path / 'a'), mode(tmp_path / 'a' / 'b'), mode(tmp_path / 'c')) == (0o700, 0o700, 0o755)


@pytest.mark.parametrize(
    ('function', 'text'),
    [
        (lambda path: files.make_directory(path, None), "mkdir: cannot create directory '{}': File exists"),
        (lambda path: files.make_directory(path + '/x', None), "mkdir: cannot create directory '{}': File exists"),
        (lambda path: files.make_directory(path + '\0', 0o77), "mkdir: cannot create directory '{}\0': "),
        (lambda path: files.make_directory('\ud800', None), "mkdir: cannot create directory '\ud800': 'utf-8' codec"),
        (lambda path: files.make_accessible([path, path + '/x']), "chmod: cannot access '{}/x': Not a directory"),
        (lambda path: files.remove(path + '/x', True), "rm: cannot remove '{}/x': Not a directory"),
        (lambda path: files.remove('/proc/self/maps', False), "rm: cannot remove '/proc/self/maps': "),
        (lambda path: begin_put(path + '/x'), "cannot write '{}/x': Not a directory"),
        (lambda path: begin_put('/'), "cannot write '/': Is a directory"),
        (lambda path: begin_put('\ud800'), "cannot write '\ud800': 'utf-8' codec"),
        (lambda path: Download(path + 'x'), "cannot read '{}x': No such file or directory"),
        (lambda path: Download('/'), "cannot read '/': Is a directory"),
        (lambda path: Download('\0'), "cannot read '\0': "),
    ],
)
def test_failures_say_what_the_shells_tool_would(tmp_path, function, text):
    (tmp_path / 'file').touch()
    path = str(tmp_path / 'file')
    umask = os.umask(0o22)
    with pytest.raises(Failure) as raised:
        function(path)
    assert str(raised.value).startswith(text.format(path))
    assert type(raised.value.path) is str
    assert os.umask(umask) == 0o22


def test_remove(tmp_path):
    (tmp_path / 'folder' / 'below').mkdir(parents=True)
    (tmp_path / 'link').symlink_to(tmp_path / 'folder')
    files.remove(f'{tmp_path}/nothing', True)
    with pytest.raises(Failure, match='Is a directory'):
        files.remove(f'{tmp_path}/folder', False)
    files.remove(f'{tmp_path}/link', True)
    assert (tmp_path / 'folder' / 'below').is_dir()
    files.remove(f'{tmp_path}/folder', True)
    assert list(tmp_path.iterdir()) == []


def test_named_pipes_block_nobody(tmp_path):
    os.mkfifo(tmp_path / 'fifo')
    download = Download(f'{tmp_path}/fifo')
    assert download.read(100) == b''
    download.close()


@no_root
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / 'file').touch(0)
    with pytest.raises(Failure, match='Permission denied'):
        Download(f'{tmp_path}/file')


@pytest.mark.parametrize(('text', 'home'), [('~', '/h'), ('~root', '/root'), ('~nobody-has-it', None), ('x', None)])
def test_expand_user(monkeypatch, text, home):
    monkeypatch.setenv('HOME', '/h')
    assert files.expand_user(text) == (home or text)
