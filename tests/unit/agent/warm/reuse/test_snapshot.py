"""A process that was changed in any one way is found to be; one that was used as a run uses it is as it was."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.support.hosts import CHECKOUT
from tests.support.need import need_root
from tests.support.timing import seconds
from tests.unit.agent.warm.reuse.changes import ACCOUNTS, CHANGES, PUT_BACK

pytestmark = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='only Linux shows all of a process')


def found_after(name: str) -> tuple[str, str]:
    """What a new interpreter finds of the change to itself: (kind, more)."""
    program = [sys.executable, '-m', 'tests.unit.agent.warm.reuse.changes', name]
    with subprocess.Popen(program, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            said, _ = process.communicate(timeout=seconds(20))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it may have left
    kind, _, more = said.strip('\n').partition('|')
    return kind, more


@pytest.mark.parametrize('name', CHANGES)
def test_a_change_is_found(name: str) -> None:
    assert found_after(name)[0] == CHANGES[name][1]


@pytest.mark.parametrize('name', ACCOUNTS)
def test_another_account_is_found(name: str) -> None:
    need_root()
    assert found_after(name)[0] == 'its account'


@pytest.mark.parametrize('name', PUT_BACK)
def test_what_a_run_is_given_is_put_back(name: str) -> None:
    assert found_after(name) == ('', '')


def test_a_cache_is_emptied() -> None:
    assert found_after('a cached value') == ('x1', 'x2')


def test_it_is_told_what_has_changed() -> None:
    assert found_after('a number in module_utils') == ('a global', 'ansible.module_utils.svcfw_test number')
