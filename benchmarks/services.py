"""Compares calls, service calls, messages and folders between processes with mitogen, execnet and rpyc.

    python -m benchmarks.services [--rounds 5] [--count 2000] [--places local,ssh] [--groups calls,many,one_way]
                                  [--only svcfw,execnet] [--python VENV/bin/python]

The children are processes of this machine; in the place `ssh` they are reached over a real sshd of our own on the
loopback. Each round runs every library once, in a process of its own, one after the other, so that a change of the
machine's speed hits all of them; shown are the best of each number over the rounds, and then all rounds. Groups are
those of benchmarks/peers/measure.py. --python: an interpreter that has mitogen 0.3.54, execnet and rpyc; without it a
virtualenv is made under build/. docs/benchmarks-services.md explains the rows and records results.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from benchmarks.peers.measure import GROUPS, Plan
from tests.support.sshd import running_sshd

ROOT = Path(__file__).parents[1]
LIBRARIES = ('svcfw', 'mitogen', 'execnet', 'rpyc')
PACKAGES = ('mitogen==0.3.54', 'execnet==2.1.2', 'rpyc==6.0.2')
LOCAL, SSH = PLACES = ('local', 'ssh')
TIMEOUT_S = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--count', type=int, default=2000, help='calls for each number')
    parser.add_argument('--places', default=','.join(PLACES))
    parser.add_argument('--groups', default=','.join(GROUPS))
    parser.add_argument('--only', default=','.join(LIBRARIES))
    parser.add_argument('--python')
    options = parser.parse_args()
    python = options.python or made_venv(ROOT / 'build' / 'venvs' / 'benchmark-services', PACKAGES)
    libraries = options.only.split(',')
    for place in options.places.split(','):
        with plan_for(place, options.groups.split(','), options.count) as plan:
            loads = [load()]
            rounds: dict[str, list[dict[str, float]]] = {library: [] for library in libraries}
            for number in range(options.rounds):
                for library in libraries:
                    print(f'{place}: round {number + 1} of {options.rounds}: {library}', file=sys.stderr)
                    rounds[library].append(run(python, f'peers.with_{library}', json.dumps(asdict(plan))))
                loads.append(load())
        print(f'\n{place}; load average before the first and after each round: {" ".join(loads)}\n')
        print(table({library: best(found) for library, found in rounds.items()}))
        print(f'\n{place}, every round\n\n{all_rounds(rounds)}', flush=True)


@contextmanager
def plan_for(place: str, groups: list[str], count: int) -> Iterator[Plan]:
    """What the peers are to measure; the server is there meanwhile."""
    if place == LOCAL:
        yield Plan(groups, count)
        return
    with tempfile.TemporaryDirectory(prefix='svcfw-bench-') as top, running_sshd(Path(top) / 'sshd') as server:
        # No -F: svcfw asks for the cipher that costs least only where no configuration is named.
        yield Plan(groups, count, server.host, server.port, server.user, tuple(server.ssh_options()[2:]))


def load() -> str:
    return f'{os.getloadavg()[0]:.1f}'


def made_venv(folder: Path, packages: Iterable[str]) -> str:
    """The interpreter of a virtualenv with the other libraries."""
    python = folder / 'bin' / 'python'
    if not python.exists():
        subprocess.run([sys.executable, '-m', 'venv', folder], check=True)
        subprocess.run([python, '-m', 'pip', 'install', '-q', *packages], check=True)
    return str(python)


def run(python: str, module: str, argument: str) -> dict[str, float]:
    """What one peer's process found."""
    done = subprocess.run(
        [python, '-m', f'benchmarks.{module}', argument],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        timeout=TIMEOUT_S,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[0])
    return found


def more_is_better(name: str) -> bool:
    return name.endswith('/s')


def best(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: (max if more_is_better(name) else min)(found[name] for found in rounds) for name in rounds[0]}


def table(found: dict[str, dict[str, float]]) -> str:
    """A Markdown table; `x` is how far ahead (above 1) svcfw is of the best of the others."""
    names = list(dict.fromkeys(name for each in found.values() for name in each))
    lines = ['| | ' + ' | '.join(found) + ' | x |', '|---|' + '---:|' * (len(found) + 1)]
    for name in names:
        values = {library: each[name] for library, each in found.items() if name in each}
        cells = [f'{values[library]:,.0f}' if library in values else '-' for library in found]
        lines.append(f'| {name} | ' + ' | '.join([*cells, lead(name, values)]) + ' |')
    return '\n'.join(lines)


def all_rounds(rounds: dict[str, list[dict[str, float]]]) -> str:
    """A Markdown table of what each round has found."""
    names = list(dict.fromkeys(name for each in rounds.values() for name in each[0]))
    lines = ['| | ' + ' | '.join(rounds) + ' |', '|---|' + '---|' * len(rounds)]
    for name in names:
        cells = [' '.join(f'{found[name]:,.0f}' for found in each if name in found) for each in rounds.values()]
        lines.append(f'| {name} | ' + ' | '.join(cell or '-' for cell in cells) + ' |')
    return '\n'.join(lines)


def lead(name: str, values: dict[str, float]) -> str:
    others = [value for library, value in values.items() if library != 'svcfw']
    if 'svcfw' not in values or not others:
        return ''
    ours = values['svcfw']
    return f'{ours / max(others):.2f}' if more_is_better(name) else f'{min(others) / ours:.2f}'


if __name__ == '__main__':
    main()
