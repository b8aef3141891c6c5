"""What a warm process leaves out of `run_command`, with each ansible-core's own."""

import subprocess
from pathlib import Path

import pytest

from tests.support.hosts import CHECKOUT
from tests.support.interpreters import need_python
from tests.support.venvs import need_core, site_packages

CORES = [
    ('2.16', '3.6'), ('2.17', '3.8'), ('2.18', '3.11'), ('2.19', '3.8'), ('2.20', '3.11'), ('2.21', '3.13'),
    ('devel', '3.12'),
]  # fmt: skip
#: Prints for each command: its umask, and whether it was started with a function to call before exec.
PROGRAM = """
import os, subprocess, sys
sys.path[:0] = [{core!r}, {checkout!r}]
from ansible.module_utils import basic
from svcfw.agent.warm.ahead import spared

given = []
init = subprocess.Popen.__init__

def record(self, *args, **kwargs):
    given.append('no function' if kwargs['preexec_fn'] is None else 'a function')
    init(self, *args, **kwargs)

subprocess.Popen.__init__ = record
spared.spare()
os.umask(0o22)
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = b'{{"ANSIBLE_MODULE_ARGS": {{}}}}', 'legacy'
module = basic.AnsibleModule({{}})
for options in ({{}}, {{'umask': 0}}, {{'umask': 0o77}}, {{'close_fds': False}}):
    print(module.run_command(['/bin/sh', '-c', 'umask'], **options)[1].strip(), given.pop())
"""


@pytest.mark.parametrize(('line', 'version'), CORES)
def test_a_function_that_sets_no_umask_is_left_out(line: str, version: str, tmp_path: Path) -> None:
    program = PROGRAM.format(core=str(site_packages(need_core(line))), checkout=str(CHECKOUT))
    done = subprocess.run(
        [need_python(version), '-c', program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    # 2.16 has another one, which stays.
    without = 'a function' if line == '2.16' else 'no function'
    assert done.stdout.splitlines() == [
        f'0022 {without}', '0022 a function', '0077 a function', '0022 a function'
    ], done.stderr  # fmt: skip
