"""The connection's unit tests once more, on each release line of ansible-core that is supported."""

import subprocess
from pathlib import Path

import pytest

from tests.support.hosts import CHECKOUT
from tests.support.timing import seconds
from tests.support.venvs import need_core

LINES = ('2.16', '2.18', '2.19', '2.21', 'devel')
TESTS = ('options', 'shell_commands', 'become', 'session', 'connection', 'copy', 'documentation')

# Those environments hold what a user has; pytest is borrowed from this one, behind everything of theirs.
RUN = """
import sys
sys.path.insert(0, sys.argv[1])
sys.path.append(sys.argv[2])
import pytest
sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-p', 'no:hypothesispytest', *sys.argv[3:]]))
"""


@pytest.mark.parametrize('line', LINES)
def test_unit_tests_pass_with_core(line: str) -> None:
    core = need_core(line)
    files = [f'tests/unit/ansible/test_{name}.py' for name in TESTS]
    ours = str(Path(pytest.__file__).parents[1])
    done = subprocess.run(
        [core.python, '-c', RUN, str(CHECKOUT), ours, *files],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=seconds(60),
    )
    assert done.returncode == 0, done.stdout + done.stderr
