"""A large file on a slow link fills the link, and does not hold up calls to the same context."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from svcfw.core.context import Context
from svcfw.files.service import FileService
from svcfw.program.router import Router
from tests.support.flow import Progress, line
from tests.support.mux import in_thread
from tests.support.sshd import Sshd
from tests.support.timing import seconds

ROUND_TRIP_S = 0.05
RATE = 100e6 / 8
SIZE = 32 * 1024 * 1024
#: From when on it is looked at; until then the window has grown to what the link takes.
BEGUN = 4 * 1024 * 1024


@pytest.fixture
def child(sshd: Sshd) -> Iterator[Context]:
    """A context over a line of 100 Mbit/s and 50 ms."""
    options = [*sshd.ssh_options(), '-o', 'StrictHostKeyChecking=no']
    options[options.index(f'UserKnownHostsFile={sshd.known_hosts}')] = 'UserKnownHostsFile=/dev/null'
    with line(sshd.host, sshd.port, ROUND_TRIP_S * 1000 / 2, RATE * 8 / 1e6) as port, Router() as router:
        yield router.ssh(sshd.host, sshd.user, port, ssh_args=options)


def answer_time(child: Context) -> float:
    start = time.monotonic()
    child.call(os.getpid)
    return time.monotonic() - start


@pytest.mark.slow
@pytest.mark.parametrize('way', ['put', 'fetch', 'put_tree'])
def test_a_call_during_a_large_transfer(child: Context, tmp_path: Path, way: str) -> None:
    local = tmp_path / 'folder'
    local.mkdir()
    (local / 'file').write_bytes(os.urandom(SIZE))
    source, to = (str(local), str(tmp_path / 'copy')) if way == 'put_tree' else (str(local / 'file'), f'{local}/copy')
    idle = [answer_time(child) for _ in range(5)]
    progress, during = Progress(), []
    start = time.monotonic()
    transfer = in_thread(lambda: getattr(FileService, way)(child, source, to, on_progress=progress))
    progress.wait_for(BEGUN)
    while progress.done < SIZE:
        during.append(answer_time(child))
    transfer()
    elapsed = time.monotonic() - start
    during.sort()
    assert len(during) >= 8, during
    assert during[len(during) * 9 // 10] < seconds(3 * ROUND_TRIP_S + 0.05), (idle, during)
    assert elapsed < seconds(3 * SIZE / RATE + 1), f'{SIZE / RATE:.1f} s would do, it took {elapsed:.1f}'
