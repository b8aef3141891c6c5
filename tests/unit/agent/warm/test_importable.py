"""The entry of sys.path that becomes a zip when somebody else is to import from it."""

import hashlib
import os
import pickle
import subprocess
import sys

import pytest

from svcfw.agent.warm.importable import Root
from svcfw.agent.warm.members import Members
from tests.support.jobs import module_job

SOURCE = b'def answer(): return 42\n'
DIGEST = hashlib.sha256(SOURCE).digest()


@pytest.fixture
def root(tmp_path):
    members = Members()
    members.add(DIGEST, SOURCE)
    job = module_job(env={'TMPDIR': str(tmp_path)}, members=[('mod.py', DIGEST)])
    return Root('/dev/null/x', job, members)


def test_it_is_its_path_and_nothing_is_written(root, tmp_path):
    path = [root]
    assert (path == ['/dev/null/x'], '/dev/null/x' in path, f'{root}', {root: 1}['/dev/null/x']) == (
        True, True, '/dev/null/x', 1,
    )  # fmt: skip
    root.remove()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize('travel', [lambda path: pickle.loads(pickle.dumps(path)), lambda path: eval(repr(path))])
def test_who_is_sent_it_can_import(root, tmp_path, travel):
    (path,) = travel([root])
    assert type(path) is str
    program = f'import sys; sys.path.insert(0, {path!r}); import mod; print(mod.answer())'
    assert subprocess.run([sys.executable, '-c', program], capture_output=True, check=True).stdout == b'42\n'
    assert travel([root, root]) == [path, path]
    root.remove()
    assert os.listdir(tmp_path) == []


def test_what_the_module_forked_does_not_remove_it(root, tmp_path):
    pickle.dumps(root)
    root._owner -= 1
    root.remove()
    assert len(os.listdir(tmp_path)) == 1


def test_without_room_it_stays_what_it_is(root, monkeypatch):
    monkeypatch.setattr('svcfw.agent.warm.zip_file.make_folder', lambda job: os.mkdir('/nonexistent/x'))
    assert pickle.loads(pickle.dumps(root)) == '/dev/null/x'
