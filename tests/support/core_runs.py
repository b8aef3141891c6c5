"""Runs one integration target of ansible-core over one connection, on throw-away hosts, and says how it went."""

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.core_place import Place
from tests.support.core_targets import Target
from tests.support.hosts import Farm
from tests.support.venvs import Core


@dataclass(frozen=True)
class Verdict:
    """How a target went. `logins`: sessions that its testhost's sshd opened. `reason`: of a failure, in one line."""

    target: str
    connection: str
    passed: bool
    seconds: float
    logins: int
    reason: str
    log: Path


def run_target(target: Target, source: Path, core: Core, connection: str, directory: Path, log: Path) -> Verdict:
    """Run `target` on new hosts below `directory` (new, too) and write all its output to `log`.

    `connection` is what ansible_connection is to be. Blocks until it is done or its time is up.
    """
    started = time.monotonic()
    farm = Farm(directory)
    try:
        place = Place(core, source, connection, target, farm)
        with log.open('wb') as output:
            try:
                passed = all(place.run(each, output.fileno()) for each in place.in_order())
                hung = ''
            except subprocess.TimeoutExpired:
                passed, hung = False, 'time is up; '
        logins = place.logins()
    finally:
        farm.stop()
    reason = '' if passed else hung + why(log.read_text(errors='replace'))
    return Verdict(target.name, connection, passed, time.monotonic() - started, logins, reason, log)


def why(output: str) -> str:
    """The task that ended the run and what it said, in one line, or the output's last line."""
    task, found = '', ''
    for block in output.split('\n\n'):
        if header := re.search(r'^(?:TASK|RUNNING HANDLER) \[(.*?)\]', block, re.M):
            task = header[1]
        if said := re.search(r'^(fatal: |\[ERROR\]|ERROR!).*', block, re.M | re.S):
            found = '' if '...ignoring' in block else f'{task}: {" ".join(said[0].split())}'
    text = found or (output.strip() or 'no output').splitlines()[-1]
    return text if len(text) < 400 else f'{text[:400]} ...'
