"""Playbooks again and again over many hosts with one multiplexer: memory, descriptors, threads and processes.

    python3 dev.py run python -m tests.soak --minutes 120 --hosts 50

What is sampled after each run goes to `build/soak/samples.json`, its picture to `build/soak/soak.svg`. Needs root, and
matplotlib for the picture. Exit status: 0 if all is flat, 1 if something grew (named) or a run failed.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.support.ansible import Controller, connection_vars
from tests.support.hosts import CHECKOUT, Farm, Host, running_farm
from tests.support.samples import KINDS, Sample, growth, not_flat, sample
from tests.support.sshd import descendants
from tests.support.venvs import need_core

FOLDER = CHECKOUT / 'build' / 'soak'
CONTROLLER, TARGETS = 'controller', 'targets'
#: Contexts are to live as long as the soak.
IDLE_S = 3600


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix='svcfw-soak-') as folder, running_farm(Path(folder, 'farm')) as farm:
        soak = Soak(farm, Path(folder), options.hosts, options.core)
        try:
            failure = soak.run(options.minutes * 60)
        finally:
            soak.controller.__exit__()
    (FOLDER / 'samples.json').write_text(
        json.dumps({side: [asdict(each) for each in samples] for side, samples in soak.sides.items()})
    )
    draw(soak.sides, FOLDER / 'soak.svg', f'{soak.runs} runs, {options.hosts} hosts, ansible-core {options.core}')
    print(table(soak.sides, soak.runs))
    wrong = [failure] if failure else not_flat(soak.sides)
    print('\n'.join(wrong) or 'flat')
    return 1 if wrong else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m tests.soak', description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--minutes', type=float, default=120, help='120 by default')
    parser.add_argument('--hosts', type=int, default=50, help='50 by default')
    parser.add_argument('--core', default='2.19', metavar='LINE', help='line of ansible-core, 2.19 by default')
    return parser.parse_args(arguments)


class Soak:
    """One multiplexer, its hosts, and what was sampled of them. Attributes: sides, runs, controller."""

    def __init__(self, farm: Farm, folder: Path, hosts: int, core: str) -> None:
        self.sides: dict[str, list[Sample]] = {CONTROLLER: [], TARGETS: []}
        self.runs = 0
        self._hosts = [farm.host(f'h{number}') for number in range(hosts)]
        self.controller = Controller(need_core(core), folder / 'controller', {'ANSIBLE_FORKS': '10'})
        self._listeners = {pid for host in self._hosts for pid in descendants(host.pid)}

    def run(self, seconds: float) -> str:
        """Play until so much time has passed; the reason if a run failed, else ''."""
        inventory = {host.name: variables(host) for host in self._hosts}
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            run = self.controller.play(inventory, tasks(self.controller.directory, self.runs))
            self.runs += 1
            if run.rc:
                return f'run {self.runs} failed with status {run.rc}:\n{run.output[-3000:]}'
            self._sample(time.monotonic() - began)
        return ''

    def _sample(self, now: float) -> None:
        ours = [pid for mux in self.controller.mux_pids() for pid in (mux, *descendants(mux))]
        theirs = [pid for host in self._hosts for pid in descendants(host.pid)]
        self.sides[CONTROLLER].append(sample(now, ours))
        self.sides[TARGETS].append(sample(now, set(theirs) - self._listeners))
        print(f'{now:6.0f} s, run {self.runs}: {self.sides[CONTROLLER][-1]} {self.sides[TARGETS][-1]}', flush=True)


def variables(host: Host) -> dict[str, object]:
    return {**host.inventory_vars('sudoer'), **connection_vars('svcfw-ssh'), 'ansible_svcfw_idle_timeout': IDLE_S}


def tasks(directory: Path, number: int) -> list[dict[str, Any]]:
    """Modules, commands and files, as both accounts; contents are others in each run."""
    script = directory / 'script.sh'
    script.write_text('#!/bin/sh\necho script\n')
    return [
        {'name': 'stat', 'stat': {'path': '/etc/passwd'}},
        {'name': 'command', 'command': f'echo {number}'},
        {'name': 'copy', 'copy': {'content': f'{number}\n' * 2000, 'dest': '/home/sudoer/file', 'mode': '0600'}},
        {'name': 'line', 'lineinfile': {'path': '/root/lines', 'line': f'{number}', 'create': True}, 'become': True},
        {'name': 'root', 'copy': {'content': f'{number}', 'dest': '/root/file', 'mode': '0600'}, 'become': True},
        {'name': 'script', 'script': str(script)},
        {'name': 'fetch', 'fetch': {'src': '/home/sudoer/file', 'dest': f'{directory}/fetched'}},
        {'name': 'fails', 'command': 'false', 'ignore_errors': True, 'become': True},
    ]


def table(sides: dict[str, list[Sample]], runs: int) -> str:
    """Medians of the second and the last third, as they are told to users."""
    lines = [f'{runs} runs, {sides[CONTROLLER][-1].seconds / 60:.0f} min' if sides[CONTROLLER] else 'no run']
    for side, samples in sides.items():
        for kind, unit in KINDS.items():
            try:
                before, after = growth(samples, kind)
            except ValueError as exc:
                return '\n'.join([*lines, str(exc)])
            lines.append(f'{side:10} {kind:11} second third {before:8.1f}, last third {after:8.1f} {unit}'.rstrip())
    return '\n'.join(lines)


def draw(sides: dict[str, list[Sample]], path: Path, title: str) -> None:
    """A picture for each kind, with both sides; none without matplotlib."""
    try:
        import matplotlib as mpl
    except ImportError:
        print('no picture: matplotlib is not installed')
        return
    mpl.use('Agg')
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(KINDS), len(sides), figsize=(10, 9), sharex=True, squeeze=False)
    for row, (kind, unit) in enumerate(KINDS.items()):
        for column, (side, samples) in enumerate(sides.items()):
            axis = axes[row][column]
            axis.plot([each.seconds / 60 for each in samples], [getattr(each, kind) for each in samples])
            axis.set_ylim(bottom=0)
            axis.set_ylabel(f'{kind} {unit}'.strip())
            axis.set_title(side if row == 0 else '')
    for axis in axes[-1]:
        axis.set_xlabel('minutes')
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(path)


if __name__ == '__main__':
    sys.exit(main())
