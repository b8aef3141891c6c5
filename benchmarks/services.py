"""Compares calls, service calls and messages between local processes with mitogen, execnet and rpyc.

    python -m benchmarks.services [--rounds 5] [--count 2000] [--only svcfw,execnet] [--python VENV/bin/python]

Each round runs every library once, in a process of its own, one after the other, so that a change of the machine's
speed hits all of them; shown is the best of each number over the rounds. --python: an interpreter that has mitogen
0.3.54, execnet and rpyc; without it a virtualenv is made under build/. docs/benchmarks-services.md explains the rows
and records results.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIBRARIES = ('svcfw', 'mitogen', 'execnet', 'rpyc')
PACKAGES = ('mitogen==0.3.54', 'execnet==2.1.2', 'rpyc==6.0.2')
TIMEOUT_S = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--count', type=int, default=2000, help='calls for each number')
    parser.add_argument('--only', default=','.join(LIBRARIES))
    parser.add_argument('--python')
    options = parser.parse_args()
    python = options.python or made_venv(ROOT / 'build' / 'venvs' / 'benchmark-services', PACKAGES)
    libraries = options.only.split(',')
    rounds: dict[str, list[dict[str, float]]] = {library: [] for library in libraries}
    for number in range(options.rounds):
        for library in libraries:
            print(f'round {number + 1} of {options.rounds}: {library}', file=sys.stderr)
            rounds[library].append(run(python, f'peers.with_{library}', str(options.count)))
    print(table({library: best(found) for library, found in rounds.items()}))


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


def lead(name: str, values: dict[str, float]) -> str:
    others = [value for library, value in values.items() if library != 'svcfw']
    if 'svcfw' not in values or not others:
        return ''
    ours = values['svcfw']
    return f'{ours / max(others):.2f}' if more_is_better(name) else f'{min(others) / ours:.2f}'


if __name__ == '__main__':
    main()
