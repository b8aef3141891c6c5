"""The pages about one topic each: their programs print what is said there, and their limits are those in force."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.blocks import Program, programs
from tests.support.hosts import CHECKOUT
from tests.support.need import need, need_program
from tests.support.public import resolve
from tests.support.sshd import Sshd
from tests.support.timing import seconds

PYTEST = ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--rootdir=.', 'test_program.py']
PAGES = sorted((CHECKOUT / 'docs' / 'topics').glob('*.md'))
#: How a program is run; its block says how, where not in the three usual ways: `run=pytest`.
WAYS = {
    'file': ['program.py'],
    '-m': ['-m', 'package.program'],
    'ssh': ['program.py', 'k3'],
    'pytest': PYTEST,
    'pytest-ssh': PYTEST,
}
USUAL = 'file,-m,ssh'
LIMIT = re.compile(r'^\| ([\d.]+)(?: (MiB|KiB|s))? \| .* \| `([\w.]+)` \|$', re.M)
UNITS = {'MiB': 1024 * 1024, 'KiB': 1024, 's': 1, '': 1}


def attribute(program: Program, name: str, default: str = '') -> list[str]:
    """The words of one attribute of a block, as in `run=file,-m needs=sudo`."""
    found = dict(each.split('=', 1) for each in program.attributes.split())
    return [each for each in found.get(name, default).split(',') if each]


RUNS = [
    pytest.param(program, way, id=f'{page.stem}-{program.line}-{way}')
    for page in PAGES
    for program in programs(page)
    for way in attribute(program, 'run', USUAL)
]


@pytest.fixture
def path_with_ssh(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """PATH with an `ssh` that has a configuration of its own, where k3 is the test's server."""
    server: Sshd = request.getfixturevalue('sshd')
    words = ' '.join(shlex.quote(word) for word in server.ssh_options() if word not in ('-F', '/dev/null'))
    real = need_program('sshd', 'ssh')
    config = tmp_path / 'config'
    config.write_text(f'Host k3\n  HostName {server.host}\n  Port {server.port}\n  User {server.user}\n')
    script = tmp_path / 'bin' / 'ssh'
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {real} -F {config} {words} "$@"\n')
    script.chmod(0o755)
    return f'{script.parent}:{os.environ["PATH"]}'


@pytest.mark.parametrize(('program', 'way'), RUNS)
def test_a_program_prints_what_its_page_says(
    program: Program, way: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for capability in attribute(program, 'needs'):
        need(
            capability, os.geteuid() == 0 and need_program(capability, capability), f'{capability} asks for a password'
        )
    environment = {
        **os.environ,
        'PYTHONPATH': str(CHECKOUT),
        'PYTEST_DISABLE_PLUGIN_AUTOLOAD': '1',
        'PYTEST_ADDOPTS': '',
    }
    if way.endswith('ssh'):
        log_before = len(request.getfixturevalue('sshd').log())
        environment.update(PATH=request.getfixturevalue('path_with_ssh'), TEST_HOST='k3')
    (tmp_path / 'package').mkdir()
    for name in ('program.py', 'test_program.py', 'package/__init__.py', 'package/program.py'):
        (tmp_path / name).write_text(program.text)
    done = subprocess.run(
        [sys.executable, *WAYS[way]],
        cwd=tmp_path,
        env=environment,
        timeout=seconds(60),
        capture_output=True,
        text=True,
    )
    printed = done.stdout
    if way.startswith('pytest'):
        printed = re.sub(r'(?s).*?(\d+ passed).*', r'\1\n', printed)
    assert (printed, done.stderr, done.returncode) == (program.prints, '', 0)
    if way.endswith('ssh'):
        assert 'Accepted publickey' in request.getfixturevalue('sshd').log()[log_before:]


def test_each_is_run_in_three_ways_with_a_plain_guard() -> None:
    """A test module has neither a guard nor a name to run it by."""
    for page in PAGES:
        for program in programs(page):
            is_module = attribute(program, 'run') == ['pytest', 'pytest-ssh']
            assert is_module or not attribute(program, 'run'), page.name
            assert is_module or "if __name__ == '__main__':" in program.text, page.name


def test_every_page_has_a_program() -> None:
    assert PAGES
    assert [page.name for page in PAGES if not programs(page)] == []


def test_the_limits_are_those_in_force() -> None:
    found = LIMIT.findall((CHECKOUT / 'docs' / 'topics' / 'limits.md').read_text())
    assert len(found) > 10
    for number, unit, name in found:
        assert (name, resolve(name)) == (name, float(number) * UNITS[unit])


def test_the_guide_names_every_page() -> None:
    guide = (CHECKOUT / 'docs' / 'guide.md').read_text()
    assert [page.name for page in PAGES if f'(topics/{page.name})' not in guide] == []
