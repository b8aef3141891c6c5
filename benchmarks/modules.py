"""Measures what modules ask of the controller, and the round trips of `copy` and `template`.

    python -m benchmarks.modules [--core 2.19] [--rounds 3] [--items 50] [--hosts 20] [--mib 20]
                                 [--only calls,artifact,trips]

calls: what a service call costs above the module that makes it. artifact: one file to all hosts, by our module, by
get_url over svcfw and by get_url over ssh with pipelining. trips: round trips of a task over a line of 100 ms, by what
many of them take longer than few. docs/benchmarks-services.md explains the rows and records results. Needs root, for
the target hosts.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.ansible import Controller, Inventory, Run, connection_vars, copy_playbook
from tests.support.artifact_server import ArtifactServer
from tests.support.flow import line
from tests.support.hosts import Farm, Host, running_farm
from tests.support.sshd import LOOPBACK
from tests.support.venvs import Core, need_core

ASKING = Path(__file__).with_name('asking')
GROUPS = ('calls', 'artifact', 'trips')
UNKNOWN = '-F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null'
RTT_MS = 100
SSH, SVCFW = 'ssh', 'svcfw-ssh'
Task = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--core', default='2.19')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--items', type=int, default=50, help='tasks for each number')
    parser.add_argument('--hosts', type=int, default=20)
    parser.add_argument('--mib', type=int, default=20, help='of the artifact')
    parser.add_argument('--only', default=','.join(GROUPS))
    options = parser.parse_args()
    groups = options.only.split(',')
    with tempfile.TemporaryDirectory(prefix='svcfw-bench-') as top, running_farm(Path(top) / 'farm') as farm:
        bench = Bench(need_core(options.core), farm, Path(top))
        print(f'ansible-core {options.core}; load average {load()} before', flush=True)
        if 'calls' in groups:
            bench.calls(options.rounds, options.items)
        if 'artifact' in groups:
            bench.artifact(options.rounds, options.hosts, options.mib << 20)
        if 'trips' in groups:
            bench.trips(options.items // 5 or 1)
        print(f'load average {load()} after')


def load() -> str:
    return f'{os.getloadavg()[0]:.1f}'


class Bench:
    """Hosts, and controllers that share nothing."""

    def __init__(self, core: Core, farm: Farm, directory: Path) -> None:
        self._core = core
        self._farm = farm
        self._directory = directory
        self._number = 0

    @contextmanager
    def _controller(self, connection: str) -> Iterator[tuple[Controller, Path]]:
        """A controller, with our short names enabled where that is ours, and the folder of its playbooks."""
        self._number += 1
        folder = copy_playbook(ASKING, self._directory / f'{self._number}')
        env = {'ANSIBLE_PIPELINING': '1', 'ANSIBLE_FORKS': '20'}
        with Controller(self._core, self._directory / f'{self._number}-controller', env) as controller:
            if connection == SVCFW:
                enable = [self._core.script('svcfw'), 'enable']
                subprocess.run(enable, env=controller.env, check=True, stdout=subprocess.DEVNULL)
            yield controller, folder

    def _play(self, place: tuple[Controller, Path], inventory: Inventory, *tasks: Task, **keywords: object) -> Run:
        """A run of these tasks; `last_s` tells how long the last one took."""
        controller, folder = place
        path = folder / 'site.yml'
        timed = [*tasks[:-1], moment('began'), tasks[-1], moment('ended')]
        path.write_text(json.dumps([{'hosts': 'all', 'gather_facts': False, **keywords, 'tasks': timed}]))
        run = controller.finish(controller.start(path, inventory), 1800)
        if run.rc:
            raise SystemExit(f'it failed:\n{run.output}')
        return run

    def _inventory(self, hosts: list[Host], connection: str, **more: object) -> Inventory:
        return {
            host.name: {**host.inventory_vars('plain'), **connection_vars(connection), **more,
                        'ansible_python_interpreter': '/usr/bin/python3'}
            for host in hosts
        }  # fmt: skip

    # -- the three groups

    def calls(self, rounds: int, items: int) -> None:
        """Of one module on one host."""
        hosts = [self._farm.host('calls')]
        inventory = self._inventory(hosts, SVCFW)
        known = {'ansible_svcfw_services': ['counter.Counter']}
        above, first, other = [], [], []
        with self._controller(SVCFW) as place:
            for _ in range(rounds):
                seconds = {}
                for calls in (0, 1, 20):
                    task = {'name': 'ask', 'asks': {'calls': calls}, 'loop': list(range(items))}
                    warm = {'name': 'warm', 'asks': {'calls': calls}}
                    run = self._play(place, inventory, warm, warm, warm, task, vars=known)
                    results = run.result('ask')['result']['results']
                    seconds[calls] = last_s(run)
                    if calls == 20:
                        first += [result['spent'][0] for result in results]
                        other += [each for result in results for each in result['spent'][1:]]
                above.append(1000 * (seconds[1] - seconds[0]) / items)
        print('\n| a service call from a module | ms |\n|---|---:|')
        print(f'| a module with one call, above the same without (median of {rounds} rounds) | {median(above)} |')
        print(f'| the first call within a module | {median(first)} |')
        print(f'| each further call | {median(other)} |', flush=True)

    def artifact(self, rounds: int, count: int, size: int) -> None:
        """One file to many hosts, each of which keeps its own copy."""
        hosts = [self._farm.host(f'a{number}') for number in range(count)]
        rows = []
        with ArtifactServer() as server:
            server.files['/app.tar'] = os.urandom(size)
            src, dest = f'{server.url}/app.tar', '/home/plain/app.tar'
            ways = {
                'artifact, svcfw': (SVCFW, {'svcfw.svcfw.artifact': {'src': src, 'dest': dest}}),
                'get_url, svcfw': (SVCFW, {'get_url': {'url': src, 'dest': dest, 'force': True}}),
                'get_url, ssh + pipelining': (SSH, {'get_url': {'url': src, 'dest': dest, 'force': True}}),
            }
            found: dict[str, list[float]] = {name: [] for name in ways}
            downloads = dict.fromkeys(ways, 0)
            for _ in range(rounds):
                for name, (connection, task) in ways.items():
                    with self._controller(connection) as place:
                        inventory = self._inventory(hosts, connection)
                        remove = {'name': 'remove', 'file': {'path': dest, 'state': 'absent'}}
                        self._play(place, inventory, {'name': 'warm', 'ping': {}}, remove)
                        before = len(server.downloads)
                        run = self._play(place, inventory, {'name': 'bring', **task})
                        found[name].append(last_s(run))
                        downloads[name] = len(server.downloads) - before
            rows = [f'| {name} | {median(found[name])} | {downloads[name]} |' for name in ways]
        print(f'\n| {size >> 20} MiB to {count} hosts | s | downloads |\n|---|---:|---:|')
        print('\n'.join(rows), flush=True)

    def trips(self, items: int) -> None:
        """Of one task, where the host's context is warm."""
        host = self._farm.host('trips')
        (self._directory / 'file').write_text('a file\n')
        source = str(self._directory / 'file')
        print('\n| round trips of a task | ssh + pipelining | svcfw |\n|---|---:|---:|')
        for module in ('copy', 'template'):
            for what, dest in (('changed', '/tmp/{{ item }}-{{ now() }}'), ('as it should be', '/tmp/{{ item }}')):
                task = {module: {'src': source, 'dest': f'{dest}-{module}'}}
                counts = [f'{self._trips(host, connection, task, items):.1f}' for connection in (SSH, SVCFW)]
                print(f'| {module}, {what} | {" | ".join(counts)} |', flush=True)

    def _trips(self, host: Host, connection: str, task: Task, items: int) -> float:
        spent = []
        for delay_ms in (0, RTT_MS / 2):
            with line(host.address, host.port, delay_ms) as port, self._controller(connection) as place:
                far = {'ansible_host': LOOPBACK, 'ansible_port': port, 'ansible_ssh_common_args': UNKNOWN}
                inventory = self._inventory([host], connection, **far)
                loop = {**task, 'loop': list(range(items))}
                run = self._play(place, inventory, {'name': 'first', **loop}, {'name': 'timed', **loop})
                spent.append(last_s(run))
        return (spent[1] - spent[0]) / items / (RTT_MS / 1000)


def moment(name: str) -> Task:
    """A task that tells the time, on the controller."""
    return {'name': name, 'debug': {'msg': '{{ now().timestamp() }}'}, 'run_once': True}


def last_s(run: Run) -> float:
    """Seconds that the last task of a run took, on all hosts."""
    began, ended = (float(run.result(name)['result']['msg']) for name in ('began', 'ended'))
    return ended - began


def median(values: list[float]) -> str:
    return f'{statistics.median(values):.2f}'


if __name__ == '__main__':
    main()
