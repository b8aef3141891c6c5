"""The strategy plugins in real runs: the same output as core's strategies over ssh, and who goes through svcfw."""

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ansible import Controller, Run
from tests.support.hosts import Farm, Host
from tests.support.timing import seconds
from tests.support.venvs import need_core

LINES = ('2.16', '2.17', '2.18', '2.19', '2.20', '2.21')
STRATEGIES = ('linear', 'free', 'host_pinned')
NAMES = ('h1', 'h2', 'h3')
#: What core says of each strategy that is not its own.
_DEPRECATION = re.compile(r'\[(?:DEPRECATION )?WARNING\]: (?:Use of strategy plugins|Deprecation warnings can).*\n')

TASKS: list[dict[str, Any]] = [
    {'name': 'who', 'command': 'hostname', 'changed_when': False, 'register': 'who'},
    {'name': 'say', 'debug': {'msg': 'this is {{ who.stdout }}'}},
    {'name': 'elsewhere', 'command': 'hostname', 'delegate_to': 'h1', 'register': 'other', 'changed_when': True},
    {'name': 'each', 'command': 'hostname', 'delegate_to': '{{ item }}', 'loop': ['h1', 'localhost']},
    {'name': 'anew', 'meta': 'reset_connection'},
    {'name': 'skipped', 'command': 'hostname', 'when': 'inventory_hostname == "nobody"'},
    {'name': 'no such file', 'command': 'cat /nowhere', 'ignore_errors': True, 'when': 'inventory_hostname == "h2"'},
    {'name': 'as root', 'command': 'id -un', 'become': True, 'changed_when': False},
]


@pytest.fixture
def hosts(farm: Farm) -> list[Host]:
    return [farm.host(name) for name in NAMES]


def make_controller(line: str, directory: Path, **env: str) -> Controller:
    return Controller(need_core(line), directory, {'ANSIBLE_FORKS': '2', **env})


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with make_controller('2.21', tmp_path / 'controller', ANSIBLE_DEPRECATION_WARNINGS='0') as made:
        yield made


def inventory(hosts: list[Host], **more: object) -> dict[str, dict[str, object]]:
    """No word about a connection, as for stock ssh."""
    given = {'ansible_python_interpreter': '/usr/bin/python3', **more}
    return {name: {**host.inventory_vars('sudoer'), **given} for name, host in zip(NAMES, hosts, strict=False)}


def logins(host: Host) -> int:
    return host.log().count('Accepted publickey')


def shown(run: Run) -> list[str]:
    """Lines of the output without what differs in each run."""
    text = _DEPRECATION.sub('', run.output)
    text = re.sub(r'"(delta|start|end)": "[^"]*"', r'"\1": ""', text)
    return [line for line in text.splitlines() if line.strip()]


def banners(run: Run) -> list[str]:
    return [line for line in shown(run) if re.match('[A-Z]+ ', line)]


def results(run: Run) -> list[str]:
    """The first line of each result, in no order."""
    return sorted(line for line in shown(run) if re.match(r'(ok|changed|skipping|fatal|failed): ', line))


def enable(controller: Controller) -> None:
    subprocess.run(
        [controller.core.script('svcfw'), 'enable'], env=controller.env, check=True, stdout=subprocess.DEVNULL
    )


@pytest.mark.parametrize('strategy', STRATEGIES)
def test_the_output_is_that_of_cores_strategy(controller: Controller, hosts: list[Host], strategy: str) -> None:
    enable(controller)
    given = inventory(hosts)
    stock = controller.play(given, TASKS, strategy=strategy)
    assert controller.mux_pids() == []
    ours = controller.play(given, TASKS, strategy=f'svcfw_{strategy}')
    assert len(controller.mux_pids()) == 1
    assert (ours.rc, ours.recap) == (stock.rc, stock.recap)
    if strategy == 'linear':
        assert banners(ours) == banners(stock)
        assert sorted(shown(ours)) == sorted(shown(stock))
    else:  # a banner is repeated whenever another host's result comes between
        assert set(banners(ours)) == set(banners(stock))
        assert results(ours) == results(stock)


@pytest.mark.parametrize('plugin', ['svcfw', 'svcfw.svcfw.svcfw'])
def test_the_address_of_a_delegated_host_is_shown_by_the_short_name_alone(
    controller: Controller, hosts: list[Host], plugin: str
) -> None:
    enable(controller)
    task = {'name': 'elsewhere', 'command': 'true', 'delegate_to': 'h2'}
    run = controller.play({**inventory(hosts[:2], ansible_connection=plugin)}, [task])
    assert run.rc == 0, run.output
    shown_as = re.findall(r'\[h1 -> (.*)\]', run.output)
    assert shown_as == ['h2' if '.' in plugin else f'h2({hosts[1].address})']


@pytest.mark.parametrize('line', LINES)
def test_on_each_core(line: str, tmp_path: Path, hosts: list[Host]) -> None:
    with make_controller(line, tmp_path / 'controller', ANSIBLE_DEPRECATION_WARNINGS='0') as controller:
        run = controller.play(inventory(hosts), [*TASKS[:2], *TASKS[5:]], '-v', strategy='svcfw.svcfw.linear')
        assert run.rc == 0, run.output
        assert 'works as its parent' not in run.output
        assert [logins(host) for host in hosts] == [1, 1, 1]
        assert run.result('say', 'h3')['result']['msg'] == 'this is h3'


@pytest.mark.parametrize('strategy', STRATEGIES)
def test_short_names_where_they_are_enabled(controller: Controller, hosts: list[Host], strategy: str) -> None:
    enable(controller)
    task = {'name': 'as', 'debug': {'var': 'ansible_connection'}}
    run = controller.play(inventory(hosts), [TASKS[0], task], strategy=f'svcfw_{strategy}')
    assert run.rc == 0, run.output
    assert run.result('as', 'h1')['result']['ansible_connection'] == 'svcfw'
    stock = controller.play(inventory(hosts), [TASKS[0], task], strategy=strategy)
    assert stock.result('as', 'h1')['result'].get('ansible_connection') != 'svcfw'


def test_other_connections_stay_what_they_are(controller: Controller, hosts: list[Host]) -> None:
    given = inventory(hosts[:1])
    python = {'ansible_python_interpreter': controller.core.script('python')}
    others = {
        'here': {'ansible_connection': 'local', **python},
        'built': {'ansible_connection': 'ansible.builtin.local', **python},
        'windows': {'ansible_connection': 'winrm', 'ansible_host': '127.0.0.1'},
        'box': {'ansible_connection': 'psrp', 'ansible_host': '127.0.0.1'},
    }
    tasks = [
        {'name': 'as', 'debug': {'var': 'ansible_connection'}},
        {'name': 'ping', 'ping': {}, 'when': 'inventory_hostname in ["h1", "here", "built"]'},
        {'name': 'from here', 'command': 'true', 'delegate_to': 'here', 'when': 'inventory_hostname == "h1"'},
    ]
    run = controller.play({**given, **others}, tasks, strategy='svcfw.svcfw.linear')
    assert run.rc == 0, run.output
    names = {name: run.result('as', name)['result']['ansible_connection'] for name in (*given, *others)}
    assert names.pop('h1') == 'svcfw.svcfw.svcfw'
    assert names == {name: others[name]['ansible_connection'] for name in others}
    assert logins(hosts[0]) == 1


@pytest.mark.parametrize('name', ['ssh', 'smart', 'paramiko', 'ansible.builtin.ssh', '{{ "s" ~ "sh" }}'])
def test_all_names_of_ssh_are_led(controller: Controller, hosts: list[Host], name: str) -> None:
    run = controller.play(
        inventory(hosts[:1], ansible_connection=name), [TASKS[0]], '-v', strategy='svcfw.svcfw.linear'
    )
    assert run.rc == 0, run.output
    assert 'new context' in run.output


def test_a_plugin_of_the_users_called_ssh_is_not_led(controller: Controller, hosts: list[Host]) -> None:
    folder = controller.directory / 'connection_plugins'
    folder.mkdir()
    (folder / 'ssh.py').write_text('from ansible.plugins.connection.ssh import DOCUMENTATION, Connection\n')
    run = controller.play(inventory(hosts[:1]), [TASKS[0]], '-v', strategy='svcfw.svcfw.linear')
    assert run.rc == 0, run.output
    assert controller.mux_pids() == []


def test_who_cannot_be_reached_fails_at_its_first_task_alone(controller: Controller, hosts: list[Host]) -> None:
    given = {**inventory(hosts[:1]), 'gone': {**inventory(hosts[:1])['h1'], 'ansible_port': 1}}
    tasks = [{'name': 'say', 'debug': {'msg': 'hello'}}, TASKS[0], {'name': 'after', 'ping': {}}]
    stock = controller.play(given, tasks, strategy='linear')
    ours = controller.play(given, tasks, strategy='svcfw.svcfw.linear')
    assert (ours.rc, ours.recap) == (stock.rc, stock.recap)
    assert ours.recap['gone'] == {**ours.recap['gone'], 'ok': 1, 'unreachable': 1}
    assert ours.results('say', 'gone')
    assert not ours.results('after', 'gone')


def test_a_refused_login_is_tried_once(controller: Controller, farm: Farm) -> None:
    host = farm.host('h1')
    wrong = {'h1': {**host.inventory_vars('plain', password=True), 'ansible_password': 'not this one'}}
    run = controller.play(wrong, [TASKS[0]], strategy='svcfw.svcfw.linear')
    assert run.recap['h1']['unreachable'] == 1
    assert host.log().count('Failed password') == 1, host.log()


def test_a_play_that_needs_no_host_logs_in_nowhere(controller: Controller, hosts: list[Host]) -> None:
    tasks = [
        {'name': 'say', 'debug': {'msg': 'hello'}},
        {'name': 'fact', 'set_fact': {'a': 1}},
        {'name': 'here', 'command': 'true', 'delegate_to': 'localhost'},
        {'name': 'skipped', 'ping': {}, 'when': False},
    ]
    run = controller.play(inventory(hosts), tasks, strategy='svcfw.svcfw.linear')
    assert run.rc == 0, run.output
    assert [logins(host) for host in hosts] == [0, 0, 0]


def test_the_next_host_is_connected_while_the_first_one_works(tmp_path: Path, hosts: list[Host]) -> None:
    """There is one worker, and the first host's task waits until somebody is connected to the second host."""
    packed = socket.inet_aton(hosts[1].address)[::-1].hex().upper()
    connected = f'grep -q "{packed}:{hosts[1].port:04X} [0-9A-F:]* 01 " /proc/net/tcp'
    wait = f'n=0; until {connected}; do n=$((n+1)); test $n -lt {int(seconds(10))}0 || exit 1; sleep 0.1; done'
    task = {'name': 'first', 'shell': f"test '{{{{ inventory_hostname }}}}' = h2 || {{ {wait}; }}"}
    with make_controller('2.21', tmp_path / 'controller', ANSIBLE_FORKS='1') as controller:
        run = controller.play(inventory(hosts[:2]), [task], strategy='svcfw.svcfw.linear')
        assert run.rc == 0, run.output
        assert [logins(host) for host in hosts[:2]] == [1, 1]
