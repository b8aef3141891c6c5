"""The payload as a zip on the disk: for whom, where, and what another interpreter finds in it."""

import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from svcfw.agent.warm import zip_file
from svcfw.agent.warm.members import Members
from tests.support.jobs import module_job

DIGEST = b'd'


@pytest.mark.parametrize(
    ('name', 'is_needed', 'has_resources'),
    [
        ('ansible/modules/ping.py', False, False),
        ('ansible/module_utils/', False, False),
        ('ansible/module_utils/common/respawn.py', True, False),
        ('ansible/module_utils/embed.py', True, True),
        ('ansible_collections/a/b/plugins/module_utils/data.json', True, True),
    ],
)
def test_which_modules_may_need_it(name: str, is_needed: bool, has_resources: bool) -> None:
    job = module_job(members=[('ansible/__init__.py', DIGEST), (name, DIGEST)])
    assert (zip_file.needed(job), zip_file.has_resources(job)) == (is_needed, has_resources)


@pytest.mark.parametrize('variable', ['TMPDIR', 'TEMP', 'TMP'])
def test_its_folder_is_where_the_job_has_temporary_files(tmp_path: Path, variable: str) -> None:
    folder = zip_file.make_folder(module_job(module='stat', env={variable: str(tmp_path)}))
    assert os.path.dirname(folder) == os.path.realpath(tmp_path)
    assert os.path.basename(folder).startswith('ansible_stat_payload_')
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    zip_file.remove_folder(folder)
    zip_file.remove_folder(folder)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there_is_no_place(tmp_path: Path) -> None:
    folder = zip_file.make_folder(module_job(env={'TMPDIR': str(tmp_path / 'no')}))
    assert os.path.isdir(folder)
    zip_file.remove_folder(folder)


def test_an_interpreter_finds_the_members_in_it(tmp_path: Path) -> None:
    members = Members()
    members.add(DIGEST, b'def answer(): return 42\n')
    path = zip_file.write(str(tmp_path), module_job(module='m', members=[('mod.py', DIGEST)]), members)
    assert zipfile.ZipFile(path).namelist() == ['mod.py', 'sitecustomize.py']
    environment = {'PYTHONPATH': path}
    program = 'import mod, sys; print(mod.answer(), sys.path[0] == sys.argv[1] or sys.path[1] == sys.argv[1])'
    done = subprocess.run([sys.executable, '-c', program, path], env=environment, capture_output=True, check=True)
    assert done.stdout == b'42 True\n'
