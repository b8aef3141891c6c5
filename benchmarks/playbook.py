"""Compares connections on whole runs of ansible: wall time, CPU time of the controller and of the targets.

    python -m benchmarks.playbook [--core 2.19] [--rounds 3] [--delays 0,25] [--scenarios A,B] [--only svcfw,mitogen]
                                  [--json FILE] [--plots FOLDER] [--small]

Each round runs every contestant once, one after the other, so that a change of the machine's speed hits all of them.
docs/benchmarks.md explains scenarios and columns, and records results. Needs root, for the hosts and the CPU accounts.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import tempfile
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.runs import Cost, running_bench
from benchmarks.scenarios import SCENARIOS, Contestant, Scenario, contestants, small
from tests.support.hosts import Farm, running_farm
from tests.support.venvs import Core, need_core, need_package

KINDS = ('wall', 'controller', 'target')
BASE = 'mitogen'


def main() -> None:
    options = parse()
    core = need_core(options.core)
    need_package(core, 'ansible_mitogen', 'mitogen==0.3.54')
    chosen = [each for each in contestants(core) if not options.only or each.name in options.only.split(',')]
    about = {
        'core': core.line, 'cpus': os.cpu_count(), 'kernel': platform.release(), 'rounds': options.rounds,
        'date': datetime.date.today().isoformat(), 'load_before': os.getloadavg()[0],
    }  # fmt: skip
    print(', '.join(f'{name} {value}' for name, value in about.items()), flush=True)
    measured = []
    with tempfile.TemporaryDirectory(prefix='svcfw-bench-') as top, running_farm(Path(top, 'farm')) as farm:
        for delay in map(float, options.delays.split(',')):
            for name in options.scenarios.split(','):
                scenario = small(SCENARIOS[name]) if options.small else SCENARIOS[name]
                for hosts in scenario.hosts:
                    directory = Path(top, f'{name}-{hosts}-{delay:g}')
                    measured.append(measure(core, farm, scenario, hosts, delay, chosen, options.rounds, directory))
    result = {**about, 'load_after': os.getloadavg()[0], 'measured': measured}
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1) + '\n')
    if options.plots:
        from benchmarks import plots  # matplotlib is an extra

        plots.draw(result, Path(options.plots))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--core', default='2.19')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--delays', default='0', help='one-way delays in ms')
    parser.add_argument('--scenarios', default='A,B', help=f'of {",".join(SCENARIOS)}')
    parser.add_argument('--only', help='names of contestants')
    parser.add_argument('--json', help='file for all figures of all rounds')
    parser.add_argument('--plots', help='folder for plots')
    parser.add_argument('--small', action='store_true', help='few hosts and files, for a try')
    options = parser.parse_args()
    if unknown := set(options.scenarios.split(',')) - set(SCENARIOS):
        parser.error(f'no such scenario: {", ".join(sorted(unknown))}')
    return options


def measure(
    core: Core, farm: Farm, scenario: Scenario, hosts: int, delay_ms: float, chosen: list[Contestant], rounds: int,
    directory: Path,
) -> dict[str, Any]:  # fmt: skip
    """All rounds of one scenario with so many hosts at one delay, and their table; what --json writes of it."""
    costs: dict[str, list[Cost]] = defaultdict(list)
    loads = []
    with running_bench(core, farm, scenario, hosts, directory) as bench:
        for _ in range(rounds):
            for contestant in chosen:
                if contestant.is_floor and not scenario.has_floor:
                    continue
                loads.append(round(os.getloadavg()[0], 2))
                for name, cost in bench.measure(contestant, delay_ms):
                    costs[name].append(cost)
        if len(bench.made) > 1:
            print(f'{scenario.name}: contestants have left different files: {sorted(map(sorted, bench.made.values()))}')
    print(f'\n{scenario.name}, {hosts} hosts, {delay_ms:g} ms one way (medians, seconds; ratios to {BASE})')
    print(table(costs), flush=True)
    return {
        'scenario': scenario.name, 'hosts': hosts, 'delay_ms': delay_ms, 'same_files': len(bench.made) < 2,
        'loads': loads, 'costs': {name: [asdict(cost) for cost in each] for name, each in costs.items()},
    }  # fmt: skip


def table(costs: dict[str, list[Cost]]) -> str:
    """Medians of every contestant, with their ratios to Mitogen's where that took part."""
    medians = {name: {k: statistics.median(getattr(c, k) for c in runs) for k in KINDS} for name, runs in costs.items()}
    base = medians.get(BASE)
    width = max(map(len, medians), default=0) + 2
    lines = [f'{"":{width}}' + ''.join(f'{kind:>18}' for kind in KINDS)]
    for name, values in medians.items():
        cells = [f'{values[kind]:10.2f}' + (f' ({values[kind] / base[kind]:4.2f})' if base else '') for kind in KINDS]
        lines.append(f'{name:{width}}' + ''.join(f'{cell:>18}' for cell in cells))
    return '\n'.join(lines)


if __name__ == '__main__':
    main()
