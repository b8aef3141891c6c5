"""The folder of programs, over what can happen to it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from svcfw.agent import start_folder
from tests.support.hosts import CHECKOUT
from tests.support.need import need_root

# What happens to the folder in between, and then as an account that owns nothing there.
PROGRAM = """
import os, sys
sys.path.insert(0, {checkout!r})
from svcfw.agent import start_folder
{between}
os.setgroups([]); os.setgid(6999); os.setuid(6999)
print(start_folder.to_enter())
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    path = tmp_path / 'home'
    path.mkdir()
    monkeypatch.setattr(start_folder, '_START', str(path))
    monkeypatch.chdir(path)
    return path


def test_where_the_process_is_nothing_is_to_be_done(home):
    assert start_folder.to_enter() is None


def test_a_folder_that_was_made_anew_is_entered(home):
    home.rmdir()
    home.mkdir()
    assert start_folder.to_enter() == str(home)


@pytest.mark.parametrize('replace', [lambda path: None, lambda path: path.write_text('')])
def test_one_that_is_gone_is_not(home, replace):
    home.rmdir()
    replace(home)
    assert start_folder.to_enter() == '/'


@pytest.mark.parametrize(
    ('mode', 'between', 'path'),
    [
        (0o700, '', None),
        (0o700, 'os.chmod(".", 0o755)', None),
        (0o755, 'os.chmod(".", 0o700)', None),
        (0o700, 'os.rename("../home", "../old"); os.mkdir("../home", 0o755)', '{home}'),
        (0o755, 'os.rename("../home", "../old"); os.mkdir("../home", 0o700)', '/'),
        (0o755, 'os.chmod("..", 0o700)', None),
    ],
)
def test_without_permission(mode, between, path):
    need_root()
    # Not pytest's folder, which is private.
    with tempfile.TemporaryDirectory(dir='/tmp') as above:
        os.chmod(above, 0o755)
        home = Path(above, 'home')
        home.mkdir()
        os.chmod(home, mode)
        program = PROGRAM.format(checkout=str(CHECKOUT), between=between)
        done = subprocess.run([sys.executable, '-c', program], cwd=home, capture_output=True, text=True, check=False)
        assert done.stdout == f'{path}\n'.format(home=home), done.stderr
