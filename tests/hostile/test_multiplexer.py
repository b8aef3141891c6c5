"""With any one hostile host a good host's calls take what they took, and multiplexer and log do not grow.

Bounds are the real ones; what decides them is tested with fakes in tests/unit/core (test_stream, test_conduct,
test_forgery). Figures are printed (pytest -rP).
"""

import os
import re
import signal
import statistics
import sys
import time
from pathlib import Path

import pytest

from svcfw.core.parent.conduct import MAX_RECORDS, RECORDS_PER_S
from svcfw.core.wire.errors import Error
from svcfw.mux import rundir
from svcfw.mux.client.client import Client, Target
from svcfw.transport.start import LEAVE_S
from tests.hostile.peer import FLOODS
from tests.support.mux import Mux, link, resident_bytes
from tests.support.timing import seconds

#: How a record begins, or a line of one that is marked.
_IS_OURS = re.compile(r'20\d\d-\d\d-\d\d |  \| ')
ROOT = Path(__file__).parents[2]
HERE = Target(link())
MiB = 1024 * 1024
#: How long a flood goes on before anything is measured; then rounds of so many calls, with and without it. Others use
#: this machine, too: a flood that does harm does it in each round, so one that is quiet decides.
WARM_UP_S, SETTLE_S = 0.3, 0.05
MIN_ROUNDS, MAX_ROUNDS, CALLS = 3, 12, 20
#: What a call may take longer, beside half of what it took: turns of the loop in which a flood has its part.
SLACK_S = 0.002


def hostile(mux: Mux, behaviour: str) -> Target:
    """A target that behaves so."""
    python = mux.folder / behaviour
    peer = f'PYTHONPATH={ROOT} exec {sys.executable} {ROOT}/tests/hostile/peer.py {behaviour} {sys.executable}'
    python.write_text(f'#!/bin/sh\n{peer} "$@"\n')
    python.chmod(0o755)
    return Target(link(host=behaviour, python=str(python)))


def calls(client: Client) -> list[float]:
    """How long each call of a good host takes."""
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        assert client.run_command(HERE, 'echo on', None, '/bin/sh').stdout == b'on\n'
        times.append(time.perf_counter() - began)
    return times


def usual_and_flooded(mux: Mux, client: Client) -> list[float]:
    """The medians of a round's calls: while the hostile host is stopped, and while it is not."""
    medians = []
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for pid in mux.processes('peer.py'):
            os.kill(pid, number)
        time.sleep(SETTLE_S)
        medians.append(statistics.median(calls(client)))
    return medians


def is_harmless(usual_s: float, flooded_s: float) -> bool:
    return flooded_s < 1.5 * usual_s + seconds(SLACK_S)


def log_bytes(mux: Mux) -> int:
    path = rundir.log_path(mux.folder)
    return sum(each.stat().st_size for each in path.parent.glob(path.name + '*'))


@pytest.mark.parametrize('behaviour', [name for name in FLOODS if name != 'nothing'])
def test_one_hostile_host_harms_nobody(mux: Mux, monkeypatch: pytest.MonkeyPatch, behaviour: str) -> None:
    monkeypatch.setenv('SVCFW_LOG', 'INFO')
    client, evil = mux.client(), mux.client()
    calls(client)
    before = resident_bytes(client.mux_pid)
    began = time.monotonic()
    try:
        evil.facts(hostile(mux, behaviour))
    except Error:
        pass  # it was cut off before its answer was passed on
    time.sleep(WARM_UP_S)
    rounds: list[list[float]] = []
    while len(rounds) < MIN_ROUNDS or not (any(is_harmless(*each) for each in rounds) or len(rounds) == MAX_ROUNDS):
        rounds.append(usual_and_flooded(mux, client))
    took_s = time.monotonic() - began
    grown = resident_bytes(client.mux_pid) - before
    medians = ', '.join(f'{usual_s * 1000:.1f} -> {flooded_s * 1000:.1f} ms' for usual_s, flooded_s in rounds)
    print(
        f'{behaviour}: {medians}, memory +{grown / MiB:.1f} MiB, log {log_bytes(mux) / 1024:.0f} KiB in {took_s:.1f} s'
    )
    for pid in mux.processes('peer.py'):
        os.kill(pid, signal.SIGKILL)  # or its end would be waited for
    assert any(is_harmless(*each) for each in rounds)
    assert grown < 64 * MiB
    assert mux.log.count('\n') < MAX_RECORDS + RECORDS_PER_S * took_s + 100
    assert all(_IS_OURS.match(line) for line in mux.log.splitlines())
    assert '\x1b' not in mux.log
    assert behaviour != 'forged_lines' or mux.log.count('good is lost') > 3


def test_its_end_is_bounded_whatever_hosts_do(mux: Mux) -> None:
    """All of them at once, and none ends when it is told to."""
    for behaviour in FLOODS:
        try:
            mux.client().facts(hostile(mux, behaviour))
        except Error:
            pass
    (pid,) = mux.muxes()
    began = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    mux.wait_for(lambda: not mux.muxes(), 'its end')
    took_s = time.monotonic() - began
    print(f'ended after {took_s:.1f} s')
    assert took_s < LEAVE_S + 1 + seconds(0.5)
    mux.wait_until_gone()
