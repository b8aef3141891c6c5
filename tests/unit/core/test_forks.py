"""How a fork ends where a function was called."""

import os
import sys
from collections.abc import Callable

import pytest

from svcfw.core import forks


def status_of(function: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            function()
        finally:
            os._exit(99)  # it came back
    return os.WEXITSTATUS(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize(
    ('error', 'status'),
    [
        (None, 0),
        (SystemExit(), 0),
        (SystemExit(7), 7),
        (SystemExit(-1), 255),
        (SystemExit('why'), 1),
        (ValueError(), 1),
    ],
)
def test_it_ends_as_a_program_would(error: BaseException | None, status: int) -> None:
    pid = os.getpid()

    def end() -> None:
        sys.stderr = sys.stdout = open(os.devnull, 'w')  # noqa: SIM115
        forks.end_if_fork(pid, error)

    assert status_of(end) == status


def test_the_original_goes_on() -> None:
    forks.end_if_fork(os.getpid(), ValueError())
