"""Compares connections on whole ansible-playbook runs: wall time, CPU time of the controller and of the target.

    python -m benchmarks.playbook [--core 2.19] [--rounds 3] [--delays 0,25] [--plays loop,mixed] [--only svcfw,mitogen]

Each round runs every contestant once, one after the other, so that a change of the machine's speed hits all of them.
docs/benchmarks.md explains the columns and records results. Needs root, for the target host and the CPU accounts.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cgroup import Cgroup
from tests.support.ansible import Controller, Inventory, connection_vars
from tests.support.flow import line
from tests.support.hosts import Farm, Host, running_farm
from tests.support.sshd import LOOPBACK
from tests.support.venvs import Core, need_core, need_package, site_packages

PLAYS = Path(__file__).with_name('plays')


@dataclass(frozen=True)
class Contestant:
    """A way to run a playbook. `connection`: see connection_vars; `again`: twice more, first without its processes."""

    name: str
    connection: str = 'ssh'
    env: tuple[tuple[str, str], ...] = ()
    prefix: str = ''
    again: bool = False


@dataclass(frozen=True)
class Cost:
    """One run's seconds."""

    wall: float
    controller: float
    target: float


def contestants(core: Core) -> list[Contestant]:
    strategies = site_packages(core) / 'ansible_mitogen' / 'plugins' / 'strategy'
    mitogen = (('ANSIBLE_STRATEGY', 'mitogen_linear'), ('ANSIBLE_STRATEGY_PLUGINS', str(strategies)))
    return [
        Contestant('floor', prefix='floor-'),
        Contestant('ssh'),
        Contestant('ssh+pipelining', env=(('ANSIBLE_PIPELINING', '1'),)),
        Contestant('mitogen', env=mitogen),
        Contestant('svcfw', connection='svcfw-ssh', again=True),
    ]


class Bench:
    """One target host and one controller, and what it takes to run and account one playbook between them."""

    def __init__(self, core: Core, host: Host, target: Cgroup, delay_ms: float, directory: Path) -> None:
        self._core = core
        self._host = host
        self._target = target
        self._delay_ms = delay_ms
        self._directory = directory
        self._runs = 0

    def measure(self, contestant: Contestant, play: str) -> list[tuple[str, Cost]]:
        """Run `play`, and again as the contestant wants it. Returns (display name, cost) for each run."""
        self._runs += 1
        directory = self._directory / str(self._runs)
        controller = Controller(self._core, directory, dict(contestant.env))
        name = contestant.name
        names = [f'{name} first', name, f'{name} warm'] if contestant.again else [name]
        with Cgroup('controller') as cgroup, self._line() as (address, port):
            inventory = {'target': {**self._inventory(address, port), **connection_vars(contestant.connection)}}
            if contestant.again:
                # The short name: ansible loads the plugin once, not once for each task.
                enable = [self._core.script('svcfw'), 'enable']
                subprocess.run(enable, env=controller.env, check=True, stdout=subprocess.DEVNULL)
                inventory['target']['ansible_connection'] = 'svcfw'
            costs = []
            for number, name in enumerate(names):
                cost = self._run(controller, cgroup, inventory, f'{contestant.prefix}{play}', f'{self._runs}-{number}')
                costs.append((name, cost))
                if name.endswith(' first'):
                    controller.stop_mux()
            return costs

    def _inventory(self, address: str, port: int) -> dict[str, object]:
        known_hosts = self._directory / 'known_hosts'
        _, kind, key = self._host.known_hosts.read_text().split()
        known_hosts.write_text(f'[{address}]:{port} {kind} {key}\n')
        return {
            'ansible_host': address,
            'ansible_port': port,
            'ansible_user': 'plain',
            'ansible_ssh_private_key_file': str(self._host.key),
            'ansible_ssh_common_args': f'-F /dev/null -o UserKnownHostsFile={known_hosts}',
            'ansible_python_interpreter': '/usr/bin/python3',
        }

    def _run(self, controller: Controller, cgroup: Cgroup, inventory: Inventory, play: str, name: str) -> Cost:
        controller_before, target_before = cgroup.cpu_s(), self._target.cpu_s()
        started = time.monotonic()
        process = controller.start(PLAYS / f'{play}.yml', inventory, enter=cgroup.enter, work=f'/home/plain/{name}')
        run = controller.finish(process, 1800)
        wall = time.monotonic() - started
        if run.rc:
            raise SystemExit(f'{play} failed:\n{run.output}')
        return Cost(wall, cgroup.cpu_s() - controller_before, self._target.cpu_s() - target_before)

    @contextmanager
    def _line(self) -> Iterator[tuple[str, int]]:
        """Address and port that lead to the host over a line with the delay; its own where there is none."""
        if not self._delay_ms:
            yield self._host.address, self._host.port
            return
        with line(self._host.address, self._host.port, self._delay_ms) as port:
            yield LOOPBACK, port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--core', default='2.19')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--delays', default='0,25', help='one-way delays in ms')
    parser.add_argument('--plays', default='loop,mixed')
    parser.add_argument('--only', help='names of contestants')
    options = parser.parse_args()
    core = need_core(options.core)
    need_package(core, 'ansible_mitogen', 'mitogen==0.3.54')
    chosen = [each for each in contestants(core) if not options.only or each.name in options.only.split(',')]
    load = os.getloadavg()[0]
    print(
        f'ansible-core {core.line}, {os.cpu_count()} CPUs, load {load:.1f} before, {options.rounds} rounds', flush=True
    )
    with tempfile.TemporaryDirectory(prefix='svcfw-bench-') as top, running_farm(Path(top, 'farm')) as farm:
        for delay in options.delays.split(','):
            for play in options.plays.split(','):
                measure(core, farm, float(delay), play, chosen, options.rounds, Path(top, f'{play}-{delay}'))


def measure(
    core: Core, farm: Farm, delay_ms: float, play: str, chosen: list[Contestant], rounds: int, directory: Path
) -> None:
    """All rounds of one play at one delay, and their table."""
    costs: dict[str, list[Cost]] = defaultdict(list)
    directory.mkdir()
    with ExitStack() as stack:
        target = stack.enter_context(Cgroup('target'))
        host = farm.host('target', cgroup=target.path)
        stack.callback(host.stop)
        bench = Bench(core, host, target, delay_ms, directory)
        for _ in range(rounds):
            for contestant in chosen:
                for name, cost in bench.measure(contestant, play):
                    costs[name].append(cost)
    print(f'\n{play}, {delay_ms:g} ms one way (medians, seconds; ratios to mitogen)')
    print(table(costs), flush=True)


def table(costs: dict[str, list[Cost]]) -> str:
    """Medians of every contestant, with their ratios to Mitogen's where that took part."""
    kinds = ('wall', 'controller', 'target')
    medians = {name: {k: statistics.median(getattr(c, k) for c in runs) for k in kinds} for name, runs in costs.items()}
    base = medians.get('mitogen')
    lines = [f'{"":16}' + ''.join(f'{kind:>18}' for kind in kinds)]
    for name, values in medians.items():
        cells = [f'{values[kind]:10.2f}' + (f' ({values[kind] / base[kind]:4.2f})' if base else '') for kind in kinds]
        lines.append(f'{name:16}' + ''.join(f'{cell:>18}' for cell in cells))
    return '\n'.join(lines)


if __name__ == '__main__':
    main()
