"""What runs cost that no machine's speed changes: bytes, turns on the wire, processes, imported modules.

Each bound is little above what was measured when it was set. Whoever makes something cheaper lowers it; whoever has to
raise one says why in the change.
"""

import json
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.ansible import Controller
from tests.support.flow import line
from tests.support.hosts import CHECKOUT, Farm, Host
from tests.support.sshd import LOOPBACK
from tests.support.venvs import Core, need_core

PLAYS = CHECKOUT / 'benchmarks' / 'plays'
PING: list[dict[str, Any]] = [{'ping': {}}]
KIB = 1024


@dataclass(frozen=True)
class Wire:
    """Bytes to and from the host, and how often something was sent after something had come."""

    there: int
    back: int
    turns: int

    def since(self, before: 'Wire') -> 'Wire':
        return Wire(self.there - before.there, self.back - before.back, self.turns - before.turns)


class Counted:
    """A controller whose host is behind a line that counts. `wire()`: what has passed by now."""

    def __init__(self, controller: Controller, host: Host, port: int, counts: Path) -> None:
        known_hosts = controller.directory / 'known_hosts'
        _, kind, key = host.known_hosts.read_text().split()
        known_hosts.write_text(f'[{LOOPBACK}]:{port} {kind} {key}\n')
        self._counts = counts
        self.host = host
        self.controller = controller
        self.inventory = {
            'h': {
                **host.inventory_vars(),
                'ansible_host': LOOPBACK,
                'ansible_port': port,
                'ansible_ssh_common_args': f'-F /dev/null -o UserKnownHostsFile={known_hosts}',
                'ansible_connection': 'svcfw.svcfw.svcfw',
                'ansible_python_interpreter': '/usr/bin/python3',
            }
        }

    def wire(self) -> Wire:
        return Wire(*struct.unpack('3Q', self._counts.read_bytes()))

    def play(self, *tasks: dict[str, Any]) -> Wire:
        """Run these tasks; what they have sent."""
        before = self.wire()
        run = self.controller.play(self.inventory, tasks)
        assert run.rc == 0, run.output
        return self.wire().since(before)

    def run(self, play: str, work: str) -> Wire:
        before = self.wire()
        run = self.controller.run(PLAYS / f'{play}.yml', self.inventory, work=work, files=str(PLAYS))
        assert run.rc == 0, run.output
        return self.wire().since(before)


@contextmanager
def counted(core: Core, farm: Farm, directory: Path) -> Iterator[Counted]:
    host, counts = farm.host('counted'), directory / 'counts'
    with (
        line(host.address, host.port, 0, counter=str(counts)) as port,
        Controller(core, directory / 'controller') as controller,
    ):
        yield Counted(controller, host, port, counts)


@pytest.fixture(scope='module')
def place(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counted]:
    with counted(need_core('2.21'), farm, tmp_path_factory.mktemp('costs')) as made:
        yield made


def test_bytes_of_a_first_ping(place: Counted) -> None:
    cost = place.play(*PING)
    assert cost.there < 175 * KIB
    assert cost.back < 6 * KIB


def test_bytes_of_a_run_and_of_the_next_one(place: Counted) -> None:
    place.controller.stop_mux()
    first, again = place.run('mixed', '/home/plain/1'), place.run('mixed', '/home/plain/2')
    # 330, and what a loaded machine adds: a heartbeat every ten seconds.
    assert first.there < 335 * KIB
    assert again.there < 55 * KIB


def test_modules_are_not_built_again_in_the_next_run(farm: Farm, tmp_path: Path) -> None:
    """With all that `svcfw enable` puts into the user's plugin folders."""
    host, core = farm.host('built'), need_core('2.21')
    inventory = {'h': {**host.inventory_vars(), 'ansible_connection': 'svcfw'}}
    with Controller(core, tmp_path, {'ANSIBLE_DEBUG': '1'}) as controller:
        subprocess.run([core.script('svcfw'), 'enable'], env=controller.env, check=True, stdout=subprocess.DEVNULL)
        runs = [controller.play(inventory, PING) for _ in range(2)]
    assert [run.rc for run in runs] == [0, 0]
    assert ['ANSIBALLZ: Creating module' in run.output for run in runs] == [True, False]


@pytest.mark.parametrize(
    ('task', 'turns'),
    [
        ({'ping': {}}, 1),
        ({'command': 'true'}, 1),
        ({'stat': {'path': '/etc/passwd'}}, 1),
        ({'copy': {'content': 'changed {{ now() }}', 'dest': '/tmp/changed'}}, 3),
        ({'copy': {'content': 'the same', 'dest': '/tmp/same'}}, 3),
    ],
    ids=['ping', 'command', 'stat', 'copy, changed', 'copy, the same'],
)
def test_turns_of_a_task(place: Counted, task: dict[str, Any], turns: int) -> None:
    """How often something goes there after something came back: once for each answer that is waited for.

    A heartbeat in the moment between the last answer and the count adds one. Each play is shorter than two of them are
    apart, so that it cannot do so three times in a row; a turn that a task needs is in every play.
    """
    place.play(task)
    assert min(place.play(task).turns for _ in range(3)) <= turns


def test_processes_that_stay(place: Counted) -> None:
    """On the host the context, its warm interpreter, one that ran a module, two that wait; here the multiplexer."""
    place.play(*PING)
    names = place.host.processes()
    assert len([name for name in names if 'python' in name]) <= 5, names
    assert len(place.controller.mux_pids()) == 1


WORKER = """
import json, multiprocessing, sys
multiprocessing.parent_process = multiprocessing.current_process  # it was forked
from ansible.cli import playbook
from ansible.executor import playbook_executor, task_executor
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader, init_plugin_loader, shell_loader
init_plugin_loader()
for loader in (connection_loader, shell_loader, become_loader):
    list(loader.all(class_only=True))
before = set(sys.modules)
connection_loader.get('svcfw.svcfw.svcfw', PlayContext(), ansible_playbook_pid='1')
print(json.dumps(sorted(set(sys.modules) - before)))
"""
MULTIPLEXER = """
import json, sys
before = set(sys.modules)
import svcfw.mux.{part}
print(json.dumps(sorted(set(sys.modules) - before)))
"""
#: For a login to begin none of these is needed.
HEAVY = {
    'asyncio',
    'concurrent.futures',
    'dataclasses',
    'inspect',
    'logging.handlers',
    'multiprocessing',
    'paramiko',
    'yaml',
}


def imported(script: str) -> list[str]:
    python = need_core('2.21').script('python')
    done = subprocess.run([python, '-c', script], check=True, stdout=subprocess.PIPE, text=True)
    return list(json.loads(done.stdout))


def test_modules_that_a_worker_imports() -> None:
    """Beside ansible-core's, of whose own there are some 600 by then."""
    modules = [name for name in imported(WORKER) if name.partition('.')[0] != 'ansible']
    assert len(modules) <= 77, modules


def test_modules_that_a_multiplexer_imports_before_it_starts_ssh() -> None:
    modules = imported(MULTIPLEXER.format(part='first_login'))
    assert len(modules) <= 99, modules
    assert not {'hashlib', 'logging', 'pathlib', 'tempfile'} & set(modules)


def test_modules_that_a_multiplexer_imports_before_it_serves() -> None:
    modules = imported(MULTIPLEXER.format(part='server.server'))
    assert len(modules) <= 189, modules
    assert not HEAVY & set(modules)
