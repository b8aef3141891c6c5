"""Runs one scenario by one contestant, on throw-away hosts, and accounts it: time, processor, bytes, what was made."""

import hashlib
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cgroup import Cgroup
from benchmarks.scenarios import FILE_BYTES, Contestant, Scenario
from tests.support.ansible import Controller, Inventory
from tests.support.flow import line
from tests.support.hosts import Farm, Host
from tests.support.sshd import LOOPBACK
from tests.support.timing import seconds
from tests.support.venvs import Core

PLAYS = Path(__file__).with_name('plays')
LIMIT_S = 1800


@dataclass(frozen=True)
class Cost:
    """One run: seconds of time, of the controller's and the targets' CPU; the multiplexer's MiB at its end."""

    wall: float
    controller: float
    target: float
    multiplexer: float


class Bench:
    """Hosts and a controller for one scenario. `made` is what runs have left in their folders, by digest."""

    def __init__(self, core: Core, scenario: Scenario, hosts: list[Host], target: Cgroup, directory: Path) -> None:
        self.made: dict[str, set[str]] = {}
        self._core = core
        self._scenario = scenario
        self._hosts = hosts
        self._target = target
        self._directory = directory
        self._runs = 0
        self._files = directory / 'files'
        self._files.mkdir(parents=True)
        for number in range(scenario.files):
            (self._files / f'{number:03}.txt').write_bytes(f'{number:03}\n'.encode() * (FILE_BYTES // 4))

    def measure(self, contestant: Contestant, delay_ms: float) -> list[tuple[str, Cost]]:
        """Run it once, or three times: with an empty home, with no process of before, and at once again."""
        self._runs += 1
        name, stays = contestant.name, contestant.stays and self._scenario.again
        names = [f'{name} first', name, f'{name} again'] if stays else [name]
        env = {**dict(contestant.env), 'ANSIBLE_FORKS': str(self._scenario.forks)}
        if contestant.strategy:
            env['ANSIBLE_STRATEGY'] = contestant.strategy
        costs = []
        with (
            Cgroup('controller') as cgroup,
            self._lines(delay_ms) as places,
            Controller(self._core, self._directory / str(self._runs), env) as controller,
        ):
            if contestant.enable:
                command = [self._core.script('svcfw'), 'enable']
                subprocess.run(command, env=controller.env, check=True, stdout=subprocess.DEVNULL)
            for number, name in enumerate(names):
                costs.append((name, self._run(controller, cgroup, contestant, places, f'{self._runs}-{number}')))
                if name.endswith(' first'):
                    controller.stop_mux()
        return costs

    def _run(
        self, controller: Controller, cgroup: Cgroup, contestant: Contestant, places: list[tuple[str, int]], run: str
    ) -> Cost:
        scenario, work = self._scenario, f'/home/{self._scenario.user}/{run}'
        inventory = self._inventory(contestant, places)
        controller_before, target_before = cgroup.cpu_s(), self._target.cpu_s()
        started = time.monotonic()
        if scenario.play:
            play = PLAYS / f'{"floor-" if contestant.is_floor else ""}{scenario.play}.yml'
            variables = {'work': work, 'files': str(self._files), 'ansible_become': scenario.become}
            done = controller.finish(controller.start(play, inventory, enter=cgroup.enter, **variables), LIMIT_S)
            rc, output = done.rc, done.output
        else:
            rc, output = self._ping(controller, inventory, cgroup)
        wall = time.monotonic() - started
        if rc:
            raise SystemExit(f'{contestant.name} failed:\n{output}')
        if scenario.play and not contestant.is_floor:
            self.made.setdefault(digest(self._hosts, work), set()).add(contestant.name)
        resident = sum(map(resident_bytes, controller.mux_pids())) / 2**20
        return Cost(wall, cgroup.cpu_s() - controller_before, self._target.cpu_s() - target_before, resident)

    def _ping(self, controller: Controller, inventory: Inventory, cgroup: Cgroup) -> tuple[int, str]:
        """`ansible -m ping`."""
        path = controller.write_inventory(inventory)
        command = [controller.core.script('ansible'), 'all', '-i', str(path), '-m', 'ping']
        done = subprocess.run(
            command, env=controller.env, cwd=controller.directory, preexec_fn=cgroup.enter, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds(LIMIT_S),
        )  # fmt: skip
        return done.returncode, done.stdout

    def _inventory(self, contestant: Contestant, places: list[tuple[str, int]]) -> dict[str, dict[str, object]]:
        inventory = {}
        for number, (host, (address, port)) in enumerate(zip(self._hosts, places, strict=True)):
            known_hosts = self._directory / f'known_hosts.{number}'
            _, kind, key = host.known_hosts.read_text().split()
            known_hosts.write_text(f'[{address}]:{port} {kind} {key}\n')
            variables: dict[str, object] = {
                'ansible_host': address,
                'ansible_port': port,
                'ansible_user': self._scenario.user,
                'ansible_ssh_private_key_file': str(host.key),
                'ansible_ssh_common_args': f'-F /dev/null -o UserKnownHostsFile={known_hosts}',
                'ansible_python_interpreter': '/usr/bin/python3',
            }
            if contestant.connection:
                variables['ansible_connection'] = contestant.connection
            inventory[f'h{number}'] = variables
        return inventory

    @contextmanager
    def _lines(self, delay_ms: float) -> Iterator[list[tuple[str, int]]]:
        """Address and port of each host, over a line with the delay if there is one."""
        with ExitStack() as stack:
            places = [(host.address, host.port) for host in self._hosts]
            if delay_ms:
                places = [(LOOPBACK, stack.enter_context(line(*place, delay_ms))) for place in places]
            yield places


@contextmanager
def running_bench(core: Core, farm: Farm, scenario: Scenario, hosts: int, directory: Path) -> Iterator[Bench]:
    """A bench with so many hosts, which end with it."""
    with ExitStack() as stack:
        target = stack.enter_context(Cgroup('target'))
        made = []
        for number in range(hosts):
            made.append(farm.host(f'h{number}', cgroup=target.path))
            stack.callback(made[-1].stop)
        yield Bench(core, scenario, made, target, directory)


def digest(hosts: list[Host], work: str) -> str:
    """Of names, modes and contents below `work` on these hosts; where its path is in a content does not count."""
    whole = hashlib.sha256()
    for host in hosts:
        folder = host.path(work)
        for path in sorted(folder.rglob('*')):
            status = path.lstat()
            whole.update(f'{path.relative_to(folder)} {status.st_mode:o} {status.st_uid}\0'.encode())
            if path.is_file():
                whole.update(path.read_bytes().replace(work.encode(), b'WORK'))
    return whole.hexdigest()


def resident_bytes(pid: int) -> int:
    """A process's memory, pages that it shares included."""
    return int(Path(f'/proc/{pid}/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')
