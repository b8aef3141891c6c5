"""The programs of the guide, and of the page about files, run and print what is said there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.blocks import Program, programs
from tests.support.timing import seconds

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / 'docs' / 'guide.md'
FILES = ROOT / 'docs' / 'files.md'


@pytest.mark.parametrize(
    'program',
    [each for page in (GUIDE, FILES) for each in programs(page) if each.prints],
    ids=lambda program: f'line {program.line}',
)
def test_a_program_prints_what_the_guide_says(program: Program, tmp_path: Path) -> None:
    path = tmp_path / 'program.py'
    path.write_text(program.text)
    done = subprocess.run(
        [sys.executable, path],
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        timeout=seconds(60),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, program.prints, '')


def test_the_first_program_is_the_first_example() -> None:
    """Which has a test of its own, over ssh."""
    (program,) = (each for each in programs(GUIDE) if each.attributes == 'title=files')
    assert program.text == (ROOT / 'docs' / 'examples' / 'files.py').read_text()


def test_no_program_is_left_out() -> None:
    assert all(program.prints or program.attributes == 'title=files' for program in programs(GUIDE))
    assert all(program.prints for program in programs(FILES))
