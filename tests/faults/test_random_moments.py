"""Whatever happens at whatever moment, each task has one result, runs once at the most, and nothing is left of it.

SVCFW_TEST_FAULTS is the number of runs (9 by default, 500 in the long form), SVCFW_TEST_SEED the first seed. A seed
decides what happens, to what, and after which result; not what the machine does meanwhile.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.faults import counting, play
from tests.faults.counting import Outcome
from tests.faults.kinds import Fault
from tests.faults.scene import NAMES, Scene
from tests.support.ansible import Run
from tests.support.mux import command
from tests.support.need import is_long
from tests.support.sshd import kill
from tests.support.timing import seconds

RUNS = int(os.environ.get('SVCFW_TEST_FAULTS') or (500 if is_long() else 9))
SEED = int(os.environ.get('SVCFW_TEST_SEED') or 1)
#: How long a run may take once the fault is over, and processes after the run's end.
ENDS_S, GONE_S = 60, 30
#: Results of a run in which nothing happens: one a task and host, and one for each item.
RESULTS = len(NAMES) * (len(play.NAMES) + 3)


@pytest.mark.slow
@pytest.mark.timeout(0 if RUNS > 20 else 600)
def test_any_fault(scene: Scene, record_property: Callable[[str, object], None]) -> None:
    outcomes = []
    for seed in range(SEED, SEED + RUNS):
        outcomes.append(one(scene, seed))
        report(outcomes[-1])
    record_property('figures', f'faults at random moments: {counting.figures(outcomes)}')
    wrong = [line for each in outcomes for line in each.wrong()]
    assert not wrong, '\n'.join(wrong)


def report(outcome: Outcome) -> None:
    """Keep what a run came to, for long forms."""
    kept = os.environ.get('SVCFW_TEST_FAULTS_LOG')
    if kept:
        with Path(kept).open('a') as file:
            file.write(json.dumps(vars(outcome)) + '\n')


def one(scene: Scene, seed: int) -> Outcome:
    """A run with one fault, or two."""
    random = Random(seed)
    faults = sorted((Fault(random, RESULTS) for _ in range(random.choice([1, 1, 1, 2]))), key=lambda each: each.results)
    outcome = Outcome(seed, [str(fault) for fault in faults])
    began = time.monotonic()
    process = scene.start()
    try:
        outcome.has_hit = sum(happen(scene, fault, process) for fault in faults) > 0
        run = finish(scene, process, outcome)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    counting.count(outcome, scene, run, {host for fault in faults for host in fault.hits()})
    clean(scene, outcome)
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


def happen(scene: Scene, fault: Fault, process: 'subprocess.Popen[str]') -> bool:
    """Wait for its moment, let it begin, and undo it; whether it hit something."""
    while scene.results() < fault.results and process.poll() is None:
        time.sleep(0.002)
    time.sleep(fault.pause_s)
    while (undo := fault.begin(scene)) is None:
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    try:
        deadline = time.monotonic() + fault.lasts_s
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
    finally:
        undo()
    return True


def finish(scene: Scene, process: 'subprocess.Popen[str]', outcome: Outcome) -> Run:
    try:
        output, _ = process.communicate(timeout=seconds(ENDS_S))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        outcome.hung.append(f'not done {seconds(ENDS_S):g} s after the fault: {output[-2000:]}')
    return Run(process.returncode, output, scene.controller.events())


def clean(scene: Scene, outcome: Outcome) -> None:
    """Wait until all is gone; what is not is named, and ended."""

    def left() -> list[int]:
        return [*scene.on_controller(), *(pid for host in NAMES for pid in scene.on_host(host))]

    deadline = time.monotonic() + seconds(GONE_S)
    while left() and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left():
        outcome.orphaned.append(f'{pid} {command(pid)[:200]}')
        kill(pid)
