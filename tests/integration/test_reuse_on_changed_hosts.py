"""What changes on a host between two runs is seen by the process that ran modules before the change."""

import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.ansible import Controller
from tests.support.hosts import Farm, Host
from tests.support.sshd import descendants
from tests.support.venvs import need_core

USED = 'same process, run'
ZONES = Path('/usr/share/zoneinfo')
#: Of a name server: 53 is the only one that resolv.conf knows.
DNS_PORT = 53
ANSWERS = {'127.53.0.1': '192.0.2.1', '127.53.0.2': '192.0.2.2'}


@pytest.fixture
def host(farm: Farm) -> Iterator[Host]:
    made = farm.host('changing')
    yield made
    made.stop()


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with Controller(need_core('2.21'), tmp_path / 'controller') as made:
        yield made


def seen(controller: Controller, host: Host, task: dict[str, Any], *, is_first: bool = False) -> list[dict[str, Any]]:
    """The results of a task in a process that was used before; `is_first`: there may be none that stays so far.

    The last one is of such a process then.
    """
    variables = {'ansible_connection': 'svcfw.svcfw.svcfw', 'ansible_python_interpreter': '/usr/bin/python3'}
    inventory = {'h': {**host.inventory_vars('root'), **variables}}
    # What the first ones import is there for the last one.
    run = controller.play(inventory, [{'name': 'look', **task}] * (4 if is_first else 1), '-vvv')
    assert run.rc == 0, run.output
    told = run.output.rpartition('TASK [look]')[2]
    assert USED in told, told
    return [event['result'] for event in run.results('look')]


def enter(host: Host, *command: str) -> None:
    """Run a command on the host, by no login."""
    ways = ['nsenter', '--target', str(descendants(host.pid)[0]), '--mount', '--uts', '--root', '--wd=/']
    subprocess.run([*ways, *command], check=True)


def write(host: Host, path: str, text: str) -> None:
    """A file as an administrator's tool would leave it: a new one in the place of the old one."""
    there = host.path(path)
    part = there.with_name(there.name + '.part')
    part.write_text(text)
    part.rename(there)


def test_the_name_of_the_host(controller: Controller, host: Host) -> None:
    task = {'slurp': {'src': '/proc/sys/kernel/hostname'}}
    before = seen(controller, host, task, is_first=True)[-1]['content']
    enter(host, 'hostname', 'another')
    after = seen(controller, host, task)[-1]['content']
    assert before != after == 'YW5vdGhlcgo='
    assert seen(controller, host, {'command': 'hostname'}, is_first=True)[0]['stdout'] == 'another'


def test_an_account(controller: Controller, host: Host) -> None:
    def owner(*, is_first: bool = False) -> tuple[str, str]:
        status = seen(controller, host, {'stat': {'path': '/var/owned'}}, is_first=is_first)[-1]['stat']
        return status.get('pw_name', ''), status.get('gr_name', '')

    (host.path('/var') / 'owned').touch()
    os.chown(host.path('/var/owned'), 7654, 7654)
    assert owner(is_first=True) == ('', '')
    passwd, group = host.path('/etc/passwd').read_text(), host.path('/etc/group').read_text()
    write(host, '/etc/group', f'{group}comer:x:7654:\n')
    write(host, '/etc/passwd', f'{passwd}comer:x:7654:7654::/:/bin/sh\n')
    assert owner() == ('comer', 'comer')
    assert not seen(controller, host, {'file': {'path': '/var/owned', 'owner': 'comer'}}, is_first=True)[0]['changed']
    write(host, '/etc/passwd', passwd)
    assert owner() == ('', 'comer')


def test_the_local_time(controller: Controller, host: Host) -> None:
    """A module `command` says when it began, by the clock on the wall."""
    if not (ZONES / 'Asia' / 'Tokyo').exists():
        pytest.skip('no zoneinfo on this machine')

    def differences() -> set[int]:
        """Hours between the module's clock and that of the program that it runs."""
        results = seen(controller, host, {'command': 'date -u +%H'}, is_first=True)
        return {(int(result['start'][11:13]) - int(result['stdout'])) % 24 for result in results}

    for zone, hours in (('Etc/UTC', 0), ('Asia/Tokyo', 9), ('America/Lima', 19)):
        part = host.path('/etc/localtime.part')
        shutil.copyfile(ZONES / zone, part)
        part.rename(host.path('/etc/localtime'))
        assert differences() == {hours}


def test_the_name_server(controller: Controller, host: Host) -> None:
    task = {'getent': {'database': 'ahostsv4', 'key': 'changing.example'}}
    with answering():
        for server, address in ANSWERS.items():
            write(host, '/etc/nsswitch.conf', 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n')
            write(host, '/etc/resolv.conf', f'nameserver {server}\noptions attempts:1 timeout:2\n')
            facts = seen(controller, host, task, is_first=address.endswith('.1'))[-1]['ansible_facts']
            assert list(facts['getent_ahostsv4']) == [address]


def test_what_is_installed(controller: Controller, host: Host) -> None:
    """What a new interpreter would run at its start is run: no process from before is used."""
    task = {'command': 'env'}

    def variables() -> list[str]:
        results = seen(controller, host, task, is_first=True)
        return [line for result in results for line in result['stdout_lines'] if line.startswith('SEEN_BY_PYTHON=')]

    assert variables() == []
    folder = host.path('/usr/lib/python3/dist-packages')
    (folder / 'seen.pth').write_text('import os; os.environ["SEEN_BY_PYTHON"] = "yes"\n')
    assert variables() == ['SEEN_BY_PYTHON=yes'] * 4
    (folder / 'seen.pth').unlink()
    assert variables() == []


@contextmanager
def answering() -> Iterator[None]:
    """Name servers that have one address each for all names."""
    with ExitStack() as stack:
        for server, address in ANSWERS.items():
            listener = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            try:
                listener.bind((server, DNS_PORT))
            except OSError as exc:
                pytest.skip(f'no name server can be run here: {exc}')
            thread = threading.Thread(target=serve, args=(listener, socket.inet_aton(address)))
            thread.start()
            stack.callback(thread.join)
            stack.callback(listener.sendto, b'', (server, DNS_PORT))
        yield


def serve(listener: socket.socket, address: bytes) -> None:
    """Answer each question with the address, until there is an empty one."""
    while True:
        question, asker = listener.recvfrom(512)
        if not question:
            return
        head = question[:2] + struct.pack('>5H', 0x8180, 1, 1, 0, 0)
        end = question.index(0, 12) + 5  # what is asked for; options may follow
        listener.sendto(head + question[12:end] + struct.pack('>3HIH', 0xC00C, 1, 1, 1, 4) + address, asker)
