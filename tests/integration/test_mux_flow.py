"""A large file on a slow link fills the link, and does not hold up what else is asked of the same host."""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from svcfw.mux.client.client import Client, Target
from tests.support.flow import Progress, line
from tests.support.mux import Mux, in_thread, link
from tests.support.sshd import Sshd
from tests.support.timing import seconds

DELAY_S = 0.01
RATE = 100e6 / 8
SIZE = 24 * 1024 * 1024
CALLS = 15


def answer_times(client: Client, target: Target, count: int) -> list[float]:
    times = []
    for _ in range(count):
        start = time.monotonic()
        client.expand_user(target, '~')
        times.append(time.monotonic() - start)
    return times


@pytest.mark.slow
@pytest.mark.parametrize('way', ['put', 'fetch'])
def test_a_call_during_a_large_transfer(mux: Mux, sshd: Sshd, tmp_path: Path, way: str) -> None:
    (tmp_path / 'local').write_bytes(os.urandom(SIZE))
    (tmp_path / 'remote').touch()
    client, other = mux.client(), mux.client()
    with line(sshd.host, sshd.port, DELAY_S * 1000, RATE * 8 / 1e6) as port:
        options = ['-F', '/dev/null', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null']
        target = Target(
            link(transport='ssh', host='127.0.0.1', port=port, user=sshd.user, private_key_file=str(sshd.key),
                 ssh_common_args=options)
        )  # fmt: skip
        (client.facts(target), other.facts(target))
        idle = statistics.median(answer_times(other, target, CALLS))
        is_under_way = Progress()
        start = time.monotonic()
        names = str(tmp_path / 'local'), str(tmp_path / 'remote')
        transfer = in_thread(put if way == 'put' else fetch, client, target, *names, is_under_way)
        is_under_way.wait_for(4 * 1024 * 1024)
        during = answer_times(other, target, CALLS)
        assert is_under_way.done < SIZE, 'it was over too soon to tell'
        transfer()
        elapsed = time.monotonic() - start
    assert (tmp_path / 'remote').read_bytes() == (tmp_path / 'local').read_bytes()
    assert statistics.median(during) < seconds(3 * 2 * DELAY_S + 0.05), (idle, sorted(during))
    assert elapsed < seconds(1.6 * SIZE / RATE + 0.5), f'{SIZE / RATE:.1f} s would do, it took {elapsed:.1f}'


def put(client: Client, target: Target, local: str, remote: str, on_progress: Callable[[int, int], None]) -> None:
    client.put_file(target, local, remote, on_progress)
    client.flush(target)


def fetch(client: Client, target: Target, local: str, remote: str, on_progress: Callable[[int, int], None]) -> None:
    client.fetch_file(target, local, remote, on_progress)
