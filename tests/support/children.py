"""Children of this process for tests, on the Pythons that are here."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from svcfw.core.context import Context
from svcfw.program.router import Router
from tests.support.interpreters import need_python
from tests.support.timing import seconds, wait_until

LONG = seconds(20)
#: For a parametrised fixture: our own interpreter, the floor, and the newest.
PYTHONS = (None, '3.6', '3.13')


@contextlib.contextmanager
def router() -> Iterator[Router]:
    with Router() as made:
        yield made


def start(router: Router, version: str | None, name: str = 'child') -> Context:
    """Start a child with a Python of that version; skips where there is none."""
    return router.local(python=need_python(version) if version else None, name=name, timeout_s=LONG)


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


def wait_until_gone(pid: int) -> None:
    wait_until(lambda: not is_running(pid), LONG, f'the end of process {pid}')


def children_of(pid: int | None = None) -> set[int]:
    """Pids of the processes that a process has started, zombies included."""
    pid = pid or os.getpid()
    found: set[int] = set()
    for task in Path(f'/proc/{pid}/task').iterdir():
        with contextlib.suppress(OSError):
            found.update(map(int, (task / 'children').read_text().split()))
    return found
