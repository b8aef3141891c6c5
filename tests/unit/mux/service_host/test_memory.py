"""How much memory a service host may take; the limits are set in processes of their own."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from svcfw.mux.service_host import memory
from tests.support.hosts import CHECKOUT

MACHINE = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')


@pytest.mark.parametrize(
    ('text', 'expected'), [('1048576\n', 1048576), ('max\n', MACHINE), ('', MACHINE), (f'{1 << 62}\n', MACHINE)]
)
def test_a_container_has_what_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: int
) -> None:
    (tmp_path / 'max').write_text(text)
    monkeypatch.setattr(memory, '_CGROUP_LIMITS', (str(tmp_path / 'no'), str(tmp_path / 'max')))
    assert memory.there() == expected


def limits(before: int) -> list[str]:
    program = (
        f'import resource, sys; sys.path.insert(0, {str(CHECKOUT)!r})\n'
        'from svcfw.mux.service_host import memory\n'
        f'memory.there = lambda: 1 << 40\nresource.setrlimit(resource.RLIMIT_DATA, ({before}, -1))\nmemory.limit()\n'
        'print(*resource.getrlimit(resource.RLIMIT_DATA), open("/proc/self/oom_score_adj").read())'
    )
    return subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_DATA)[1] != resource.RLIM_INFINITY, reason='it is limited here already'
)
def test_half_is_the_limit_which_a_service_may_raise() -> None:
    assert limits(-1) == [str(1 << 39), '-1', memory.OOM_SCORE]


def test_a_smaller_limit_stays() -> None:
    assert limits(1 << 34)[0] == str(1 << 34)
