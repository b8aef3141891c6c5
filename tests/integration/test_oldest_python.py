"""What runs on targets passes its own tests on the oldest Python there."""

import os
import subprocess
from pathlib import Path

from tests.support.hosts import CHECKOUT
from tests.support.oldest import copy_tests, need_pytest
from tests.support.timing import seconds


def test_the_unit_tests_of_core_and_services_pass(tmp_path: Path) -> None:
    python = need_pytest()
    tests = copy_tests(tmp_path)
    done = subprocess.run(
        [
            python,
            '-m',
            'pytest',
            '-q',
            '-W',
            'error',
            '--continue-on-collection-errors',
            '-p',
            'no:cacheprovider',
            '--rootdir',
            tmp_path,
            *tests,
        ],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': f'{tmp_path}{os.pathsep}{CHECKOUT}', 'PYTHONDONTWRITEBYTECODE': '1'},
        timeout=seconds(300),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
