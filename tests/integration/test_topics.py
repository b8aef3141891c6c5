"""The pages about one topic each: their programs print what is said there, and their limits are those in force."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.blocks import Program, programs
from tests.support.hosts import CHECKOUT
from tests.support.need import need, need_program
from tests.support.public import resolve
from tests.support.timing import seconds

PAGES = sorted((CHECKOUT / 'docs' / 'topics').glob('*.md'))
#: How a program is run, as its block says: `run=file,-m`.
WAYS = {
    'file': ['program.py'],
    '-m': ['-m', 'package.program'],
    'pytest': ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--rootdir=.', 'test_program.py'],
}
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
    for way in attribute(program, 'run', 'file')
]


@pytest.mark.parametrize(('program', 'way'), RUNS)
def test_a_program_prints_what_its_page_says(program: Program, way: str, tmp_path: Path) -> None:
    for capability in attribute(program, 'needs'):
        need(
            capability, os.geteuid() == 0 and need_program(capability, capability), f'{capability} asks for a password'
        )
    (tmp_path / 'package').mkdir()
    for name in ('program.py', 'test_program.py', 'package/__init__.py', 'package/program.py'):
        (tmp_path / name).write_text(program.text)
    done = subprocess.run(
        [sys.executable, *WAYS[way]],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(CHECKOUT), 'PYTEST_DISABLE_PLUGIN_AUTOLOAD': '1', 'PYTEST_ADDOPTS': ''},
        timeout=seconds(60),
        capture_output=True,
        text=True,
    )
    printed = done.stdout
    if way == 'pytest':
        printed = re.sub(r'(?s).*?(\d+ passed).*', r'\1\n', printed)
    assert (printed, done.stderr, done.returncode) == (program.prints, '', 0)


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
