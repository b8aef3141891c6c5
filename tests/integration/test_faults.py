"""Bad input and faults: a clear error on the right host, the others go on, exit status as stock's, nothing stays."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.ansible import Controller, Run, connection_vars
from tests.support.hosts import Farm, Host
from tests.support.sshd import LOOPBACK, descendants, free_port, kill, make_key
from tests.support.timing import seconds, wait_until

# Exit statuses of ansible-playbook.
FAILED, UNREACHABLE, INTERRUPTED = 2, 4, 99

PING = {'name': 'ping', 'ping': None}
# Tells the test that it runs by the file, and waits to be ended; only on the host called `bad`.
LINGER = {
    'name': 'linger',
    'shell': 'echo >/tmp/started; sleep 1000',
    'when': 'inventory_hostname == "bad"',
}

both_transports = pytest.mark.parametrize('transport', ['ssh', 'paramiko'])


def svcfw(host: Host, user: str = 'plain', transport: str = 'ssh', **variables: object) -> dict[str, object]:
    """Inventory variables of `host` over svcfw."""
    password = bool(variables.pop('password', False))
    return {**host.inventory_vars(user, password), **connection_vars(f'svcfw-{transport}'), **variables}


def events_of(run: Run, host: str) -> list[dict[str, Any]]:
    return [event for event in run.events if event.get('host') == host]


def message(run: Run, host: str) -> str:
    """What the host's last task said."""
    return str(events_of(run, host)[-1]['result']['msg'])


def kinds(run: Run, host: str) -> list[str]:
    return [event['kind'] for event in events_of(run, host)]


@pytest.fixture
def good(farm: Farm, controller: Controller) -> Host:
    """A host that has nothing to do with the fault."""
    host = farm.host('good')
    controller.trust(host)
    return host


@pytest.fixture
def bad(farm: Farm, controller: Controller) -> Host:
    """The host on which the fault is."""
    host = farm.host('bad')
    controller.trust(host)
    return host


# --- what is wrong from the start


def test_an_unknown_transport_is_named_with_the_known_ones(controller: Controller, good: Host) -> None:
    inventory = {'bad': svcfw(good, transport='pigeon'), 'good': svcfw(good)}
    run = controller.play(inventory, [PING, PING])
    assert run.rc in (FAILED, UNREACHABLE)
    assert "'pigeon' for config 'svcfw_transport'" in message(run, 'bad')
    assert 'Valid values are: auto, ssh, paramiko, local' in ' '.join(run.output.split())
    assert kinds(run, 'good') == ['ok', 'ok']


@pytest.mark.parametrize('value', ['soon', '-1', '0'])
def test_an_idle_time_that_is_none_is_an_error(controller: Controller, good: Host, value: str) -> None:
    inventory = {'bad': svcfw(good, ansible_svcfw_idle_timeout=value), 'good': svcfw(good)}
    run = controller.play(inventory, [PING])
    assert run.rc in (FAILED, UNREACHABLE)
    assert 'svcfw_idle_timeout' in message(run, 'bad')
    assert kinds(run, 'good') == ['ok']


def test_an_undefined_inventory_variable_ends_as_with_stock(controller: Controller, good: Host) -> None:
    undefined = {'ansible_user': '{{ nowhere }}'}
    run = controller.play({'bad': {**svcfw(good), **undefined}, 'good': svcfw(good)}, [PING])
    stock = controller.play({'bad': {**good.inventory_vars(), **undefined}, 'good': good.inventory_vars()}, [PING])
    assert 'nowhere' in message(run, 'bad')
    assert (run.rc, run.recap) == (stock.rc, stock.recap)


@both_transports
def test_a_wrong_password_names_host_and_cause(controller: Controller, bad: Host, good: Host, transport: str) -> None:
    inventory = {
        'bad': svcfw(bad, transport=transport, password=True, ansible_password='wrong'),
        'good': svcfw(good, transport=transport, password=True),
    }
    run = controller.play(inventory, [PING])
    assert run.rc == UNREACHABLE
    assert bad.address in message(run, 'bad')
    assert 'password' in message(run, 'bad').lower()
    assert kinds(run, 'good') == ['ok']


@both_transports
def test_a_changed_host_key_names_host_and_cause(
    controller: Controller, bad: Host, good: Host, transport: str, tmp_path: Path
) -> None:
    make_key('ssh-keygen', tmp_path / 'other')
    words = (tmp_path / 'other.pub').read_text().split()[:2]
    bad.known_hosts.write_text(f'[{bad.address}]:{bad.port} {" ".join(words)}\n')
    # Also where paramiko looks, after the key that the fixture put there.
    known = Path(controller.env['HOME'], '.ssh', 'known_hosts')
    known.write_text(good.known_hosts.read_text() + bad.known_hosts.read_text())
    run = controller.play({'bad': svcfw(bad, transport=transport), 'good': svcfw(good, transport=transport)}, [PING])
    assert run.rc == UNREACHABLE
    assert bad.address in message(run, 'bad')
    assert 'host key' in message(run, 'bad').lower()
    assert kinds(run, 'good') == ['ok']


@both_transports
def test_a_refused_port_names_host_and_cause(controller: Controller, good: Host, transport: str) -> None:
    closed = {'ansible_host': LOOPBACK, 'ansible_port': free_port(LOOPBACK)}
    inventory = {'bad': svcfw(good, transport=transport, **closed), 'good': svcfw(good, transport=transport)}
    run = controller.play(inventory, [PING])
    assert run.rc == UNREACHABLE
    assert LOOPBACK in message(run, 'bad')
    assert 'refused' in message(run, 'bad').lower()
    assert kinds(run, 'good') == ['ok']


@contextmanager
def silent_server() -> Iterator[int]:
    """The port of a server that accepts connections and never says a word."""
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        yield server.getsockname()[1]


@both_transports
def test_a_silent_server_ends_in_the_time_that_was_set(controller: Controller, good: Host, transport: str) -> None:
    with silent_server() as port:
        silent = {'ansible_host': LOOPBACK, 'ansible_port': port, 'ansible_timeout': 3}
        inventory = {'bad': svcfw(good, transport=transport, **silent), 'good': svcfw(good, transport=transport)}
        run = controller.play(inventory, [PING])
    assert run.rc == UNREACHABLE
    assert LOOPBACK in message(run, 'bad')
    # Ours, or the transport program's own words: both have these 3 s.
    assert re.search(r'within 3 s|for 3\.0 s|no answer within the time-out', message(run, 'bad'))
    assert kinds(run, 'good') == ['ok']


def test_without_python_commands_work_and_modules_fail_as_with_stock(controller: Controller, farm: Farm) -> None:
    bare = farm.host('bare', 'no-python')
    controller.trust(bare)
    tasks = [{'name': 'raw', 'raw': 'echo $0; exit 3', 'ignore_errors': True}, PING]
    run = controller.play({'bare': svcfw(bare)}, tasks, '-v')
    stock = controller.play({'bare': bare.inventory_vars()}, tasks)
    assert run.result('raw')['result']['rc'] == 3
    assert run.result('raw')['result']['stdout'] == stock.result('raw')['result']['stdout']
    assert (run.rc, run.recap) == (stock.rc, stock.recap)


# --- targets that are not quite as one would like


def test_a_noisy_profile_disturbs_nothing(controller: Controller, farm: Farm) -> None:
    host = farm.host('noisy')
    controller.trust(host)
    tasks = [
        PING,
        {'name': 'copy', 'copy': {'content': 'x' * 100_000, 'dest': '/home/noisy/file', 'mode': '0600'}},
        {'name': 'who', 'command': 'whoami'},
        {'name': 'root', 'command': 'whoami', 'become': True},
        {'name': 'fetch', 'fetch': {'src': '/home/noisy/file', 'dest': f'{controller.directory}/got', 'flat': True}},
    ]
    run = controller.play({'noisy': svcfw(host, 'noisy')}, tasks)
    assert run.rc == 0, run.output
    assert run.result('who')['result']['stdout'] == 'noisy'
    assert run.result('root')['result']['stdout'] == 'root'
    assert (controller.directory / 'got').read_text() == 'x' * 100_000


def test_a_tmp_without_exec_is_no_obstacle(controller: Controller, farm: Farm) -> None:
    host = farm.host('strict', 'noexec-tmp')
    controller.trust(host)
    script = controller.directory / 'script.sh'
    script.write_text('#!/bin/sh\necho ran\n')
    tasks = [
        PING,
        {'name': 'copy', 'copy': {'content': 'x', 'dest': '/tmp/file', 'mode': '0600'}},
        {'name': 'script', 'script': str(script)},
        {'name': 'root', 'command': 'whoami', 'become': True},
    ]
    run = controller.play({'strict': svcfw(host, 'sudoer')}, tasks)
    assert run.rc == 0, run.output
    assert run.result('script')['result']['stdout'].strip() == 'ran'


def test_a_full_disk_fails_the_task_and_leaves_the_host_usable(controller: Controller, bad: Host, good: Host) -> None:
    big = controller.directory / 'big'
    big.write_bytes(os.urandom(8 * 1024 * 1024))
    tasks = [
        {'name': 'put', 'copy': {'src': str(big), 'dest': '/tmp/big', 'mode': '0600'}, 'ignore_errors': True},
        PING,
    ]
    run = controller.play({'bad': svcfw(bad, ansible_remote_tmp='/small/tmp'), 'good': svcfw(good)}, tasks)
    assert run.rc == 0, run.output
    assert 'No space left on device' in str(run.result('put', 'bad')['result'])
    assert bad.address in str(run.result('put', 'bad')['result']) or 'bad' in run.output
    assert kinds(run, 'bad') == ['ignored', 'ok']
    assert kinds(run, 'good') == ['ok', 'ok']
    assert list(bad.path('/small/tmp').iterdir()) == []


# --- what breaks in the middle


def start_lingering(controller: Controller, bad: Host, good: Host) -> 'Lingering':
    """Start a run of PING, LINGER, PING on both hosts, and return once `bad` is in the middle of LINGER."""
    process = controller.start(controller.write_play([PING, LINGER, PING]), {'bad': svcfw(bad), 'good': svcfw(good)})
    wait_until(bad.path('/tmp/started').exists, seconds(60), 'the lingering task has started')
    return Lingering(controller, process, bad)


class Lingering:
    """A run in the middle of a task on `bad`."""

    def __init__(self, controller: Controller, process: Any, bad: Host) -> None:
        self.controller = controller
        self.process = process
        self.bad = bad

    def finish(self) -> Run:
        return self.controller.finish(self.process, 60)


def assert_only_bad_is_lost(run: Run) -> None:
    assert run.rc == UNREACHABLE, run.output
    assert kinds(run, 'bad') == ['ok', 'unreachable']
    assert kinds(run, 'good') == ['ok', 'skipped', 'ok']
    assert 'Traceback' not in run.output


def assert_target_is_clean(host: Host) -> None:
    """No process of ours or of a task is on the host any more, soon."""
    wait_until(lambda: not host.processes(), seconds(15), f'processes have ended: {host.processes()}')


def test_a_host_that_dies_is_unreachable_and_the_others_go_on(controller: Controller, bad: Host, good: Host) -> None:
    lingering = start_lingering(controller, bad, good)
    kill(bad.pid)
    run = lingering.finish()
    assert_only_bad_is_lost(run)
    assert bad.address in message(run, 'bad')


def test_a_killed_session_is_unreachable_and_the_next_run_works(controller: Controller, bad: Host, good: Host) -> None:
    lingering = start_lingering(controller, bad, good)
    bad.kill_sessions()
    assert_only_bad_is_lost(lingering.finish())
    assert controller.play({'bad': svcfw(bad)}, [PING]).rc == 0


def first_python(host: Host) -> int:
    """The context that svcfw started first on the host."""
    return next(p for p in descendants(host.pid) if Path(f'/proc/{p}/cmdline').read_bytes().startswith(b'python'))


def test_a_killed_child_is_unreachable_and_the_next_run_works(controller: Controller, bad: Host, good: Host) -> None:
    lingering = start_lingering(controller, bad, good)
    kill(first_python(bad))
    run = lingering.finish()
    assert run.rc in (FAILED, UNREACHABLE)
    assert kinds(run, 'good') == ['ok', 'skipped', 'ok']
    assert controller.play({'bad': svcfw(bad)}, [PING]).rc == 0
    controller.stop_mux()
    # As under sshd a module that runs is not stopped half-way because the way back is lost; with it, all the rest ends.
    for pid in descendants(bad.pid):
        if Path(f'/proc/{pid}/cmdline').read_bytes().startswith(b'sleep\0'):
            kill(pid)
    assert_target_is_clean(bad)


def test_after_a_killed_multiplexer_the_next_task_starts_another(controller: Controller, good: Host) -> None:
    # Between two tasks of one run, by a task of that run.
    script = f'kill -9 $(pgrep -f {controller.runtime}/svcf[w])'
    tasks = [
        PING,
        {'name': 'kill', 'shell': script, 'delegate_to': 'localhost', 'vars': {'ansible_connection': 'local'}},
        PING,
    ]
    run = controller.play({'good': svcfw(good)}, tasks)
    assert run.rc == 0, run.output
    assert kinds(run, 'good') == ['ok', 'ok', 'ok']


def test_a_multiplexer_killed_in_a_task_loses_that_task_only(controller: Controller, bad: Host, good: Host) -> None:
    lingering = start_lingering(controller, bad, good)
    (pid,) = controller.mux_pids()
    kill(pid)
    assert_only_bad_is_lost(lingering.finish())
    assert_target_is_clean(bad)


def test_interrupting_a_run_ends_it_as_stock_does_and_leaves_nothing(
    controller: Controller, bad: Host, good: Host
) -> None:
    lingering = start_lingering(controller, bad, good)
    os.killpg(lingering.process.pid, signal.SIGINT)
    run = lingering.finish()
    assert run.rc == INTERRUPTED
    assert 'User interrupted execution' in run.output
    wait_until(lambda: not any('sleep 1000' in line for line in bad.processes()), seconds(15), 'the task has ended')
    assert controller.play({'bad': svcfw(bad)}, [PING]).rc == 0
    controller.stop_mux()
    assert_target_is_clean(bad)


def test_a_task_over_its_time_ends_on_the_target_too(controller: Controller, bad: Host) -> None:
    tasks = [{'name': 'slow', 'command': 'sleep 1000', 'timeout': 2, 'ignore_errors': True}, PING]
    run = controller.play({'bad': svcfw(bad)}, tasks)
    assert kinds(run, 'bad') == ['ignored', 'ok'], run.output
    wait_until(lambda: not any('sleep 1000' in line for line in bad.processes()), seconds(15), 'the task has ended')


# --- afterwards


def test_nothing_is_left_on_a_target_once_the_idle_time_is_over(controller: Controller, bad: Host) -> None:
    tasks = [
        PING,
        {'name': 'copy', 'copy': {'content': 'x', 'dest': '/srv/file', 'mode': '0600'}, 'become': True},
        {'name': 'root', 'command': 'whoami', 'become': True},
    ]
    run = controller.play({'bad': svcfw(bad, 'sudoer', ansible_svcfw_idle_timeout=1)}, tasks)
    assert run.rc == 0, run.output
    wait_until(lambda: not controller.mux_pids(), seconds(30), 'the multiplexer has ended')
    assert_target_is_clean(bad)
    # Ansible's own folders, which stock leaves too.
    folders = {f'{home}/{folder}' for home in ('/home/sudoer', '/root') for folder in ('.ansible', '.ansible/tmp')}
    assert set(bad.changes()) <= folders | {'/srv', '/srv/file'}
