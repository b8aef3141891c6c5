"""What runs cost that no machine's speed changes: bytes, messages and turns, processes, page faults, imported modules.

Each bound is little above what was measured when it was set. Whoever makes something cheaper lowers it; whoever has to
raise one says why in the change.
"""

import json
import re
import resource
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from svcfw.boot.first_stage import STAGE_BYTES
from svcfw.core.wire.frames import FrameReader
from tests.integration.test_reuse import BASE_ENV, job
from tests.support import payloads
from tests.support.ansible import Controller
from tests.support.flow import line
from tests.support.hosts import CHECKOUT, Farm, Host
from tests.support.interpreters import need_python
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
        ({'svcfw.svcfw.copy': {'content': 'changed {{ now() }}', 'dest': '/tmp/changed'}}, 1),
        ({'svcfw.svcfw.copy': {'content': 'the same', 'dest': '/tmp/same'}}, 2),
    ],
    ids=['ping', 'command', 'stat', 'copy, changed', 'copy, the same', 'our copy, changed', 'our copy, the same'],
)
def test_turns_of_a_task(place: Counted, task: dict[str, Any], turns: int) -> None:
    """How often something goes there after something came back: once for each answer that is waited for.

    A heartbeat in the moment between the last answer and the count adds one. Each play is shorter than two of them are
    apart, so that it cannot do so three times in a row; a turn that a task needs is in every play.
    """
    place.play(task)
    assert min(place.play(task).turns for _ in range(3)) <= turns


#: In the place of ssh: writes down what passes.
RECORDER = """#!/bin/sh
case "$*" in -V | *" -O check "*) exec ssh "$@" ;; esac
tee -a "$0.there" | ssh "$@" | tee -a "$0.back"
"""


class Messages:
    """A controller whose ssh is recorded. `sent()`: how many frames have gone there, and come back, by now."""

    def __init__(self, controller: Controller, host: Host) -> None:
        self.controller = controller
        self._program = controller.directory / 'recorder'
        self._program.write_text(RECORDER)
        self._program.chmod(0o755)
        self.inventory = {
            'h': {
                **host.inventory_vars(),
                'ansible_connection': 'svcfw.svcfw.svcfw',
                'ansible_python_interpreter': '/usr/bin/python3',
                'ansible_ssh_executable': str(self._program),
            }
        }

    def sent(self) -> tuple[int, int]:
        there = Path(f'{self._program}.there').read_bytes()[STAGE_BYTES:]
        _, marker, back = Path(f'{self._program}.back').read_bytes().partition(self._marker())
        assert marker
        return len(FrameReader().feed(there)), len(FrameReader().feed(back))

    def _marker(self) -> bytes:
        (found,) = re.findall(rb'^SVCFW-[0-9a-f]{24}\n', Path(f'{self._program}.back').read_bytes()[:KIB], re.M)
        return bytes(found)

    def of(self, task: dict[str, Any]) -> tuple[int, int]:
        """For ten of these tasks, there and back, with a heartbeat every ten seconds."""
        before = self.sent()
        run = self.controller.play(self.inventory, [task] * 10)
        assert run.rc == 0, run.output
        there, back = self.sent()
        return there - before[0], back - before[1]


@pytest.fixture(scope='module')
def messages(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Messages]:
    with Controller(need_core('2.21'), tmp_path_factory.mktemp('messages') / 'controller') as controller:
        made = Messages(controller, farm.host('recorded'))
        assert controller.play(made.inventory, PING).rc == 0
        yield made


@pytest.mark.parametrize(
    ('task', 'there', 'back'),
    [
        ({'ping': {}}, 2, 1),  # the module, and that the client has ended
        ({'command': 'true'}, 2, 1),
        ({'copy': {'content': 'changed {{ now() }}', 'dest': '/tmp/changed'}}, 9, 3),
    ],
    ids=['ping', 'command', 'copy'],
)
def test_messages_of_a_task(messages: Messages, task: dict[str, Any], there: int, back: int) -> None:
    messages.of(task)
    found_there, found_back = messages.of(task)
    assert 10 * there <= found_there <= 10 * there + 3
    assert 10 * back <= found_back <= 10 * back + 3


#: Of a run of the module: in a process that runs it again, and in one that was forked ahead for it alone. What a fork
#: writes to is copied, page by page, so these are what a run costs most of.
FAULTS = {'ping': (20, 1500), 'command': (100, 1800)}


@pytest.mark.parametrize('module', FAULTS)
@pytest.mark.parametrize('reuse', [True, False], ids=['again', 'once'])
def test_page_faults_of_a_run(module: str, reuse: bool, tmp_path: Path) -> None:
    python = need_python('3.11')
    arguments = {'_raw_params': 'true'} if module == 'command' else {}

    def faults(count: int) -> int:
        jobs = [job('2.21', module, python, arguments, reuse=reuse) for _ in range(count)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
        runs = payloads.run_warm(jobs, python, BASE_ENV, tmp_path)
        assert {run.status for run in runs} == {0}
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt - before

    faults(1)  # whatever is built for the first one
    assert (faults(30) - faults(10)) / 20 <= FAULTS[module][0 if reuse else 1]


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
