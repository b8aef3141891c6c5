"""All inputs that once reached something new, or found something; then new ones for a while, guided by coverage.

SVCFW_TEST_FUZZ is for how many seconds all targets together are fuzzed: 60 by default, 1800 in the long form. Needs
atheris, which has no wheels for every Python; without it only the inputs that are kept are run.
"""

import importlib.util
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS, target
from tests.support.hosts import CHECKOUT
from tests.support.need import is_long

CORPUS = Path(__file__).with_name('corpus')
SECONDS = float(os.environ.get('SVCFW_TEST_FUZZ') or (1800 if is_long() else 60))
#: Of one input: what it may be long, take, and make the process hold.
MAX_INPUT_BYTES, MAX_INPUT_S, MAX_MIB = 4096, 20, 1024


@pytest.fixture
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize('name', TARGETS)
def test_kept_inputs(quiet: None, name: str) -> None:
    inputs = sorted((CORPUS / name).iterdir())
    assert inputs
    for path in inputs:
        target(name)(path.read_bytes())


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 600)
@pytest.mark.parametrize('name', TARGETS)
def test_new_inputs(name: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    if importlib.util.find_spec('atheris') is None:
        pytest.skip('atheris is not installed')
    new = Path(os.environ.get('SVCFW_TEST_FUZZ_CORPUS') or tmp_path) / name
    new.mkdir(parents=True, exist_ok=True)
    limits = [f'-max_len={MAX_INPUT_BYTES}', f'-timeout={MAX_INPUT_S}', f'-rss_limit_mb={MAX_MIB}']
    share = f'-max_total_time={max(1, round(SECONDS / len(TARGETS)))}'
    fuzz = [sys.executable, '-m', 'tests.fuzz.run', name, str(new), str(CORPUS / name)]
    done = subprocess.run(
        [*fuzz, *limits, share, f'-artifact_prefix={tmp_path}/found-', '-print_final_stats=1', '-verbosity=1'],
        cwd=CHECKOUT, capture_output=True, text=True, errors='replace',
    )  # fmt: skip
    found = list(tmp_path.glob('found-*'))
    assert done.returncode == 0, f'{[each.read_bytes() for each in found]}\n{done.stdout[-3000:]}{done.stderr[-3000:]}'
    assert not found
    runs = re.search(r'number_of_executed_units: *(\d+)', done.stderr)
    covered = re.findall(r'cov: (\d+)', done.stderr)
    record_property('figures', f'fuzz {name}: {runs and runs[1]} inputs, {covered and covered[-1]} branches')
