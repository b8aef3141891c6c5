"""What is not as over stock ssh, and said so in docs/differences.md, where no other test holds it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ansible import Controller, Run, connection_vars
from tests.support.hosts import Farm, Host
from tests.support.venvs import need_core

SVCFW, STOCK = 'svcfw-ssh', 'ssh'


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with Controller(need_core('2.19'), tmp_path / 'controller') as made:
        yield made


def play(controller: Controller, host: Host, connection: str, tasks: list[dict[str, object]]) -> Run:
    controller.trust(host)
    inventory = {'target': {**host.inventory_vars('sudoer'), **connection_vars(connection)}}
    return controller.play(inventory, tasks)


def test_sudo_logs_a_context_and_not_each_task(controller: Controller, farm: Farm) -> None:
    counts = {}
    for connection in (SVCFW, STOCK):
        host = farm.host()
        with host.path('/etc/sudoers').open('a') as sudoers:
            sudoers.write('\nDefaults logfile=/var/log/sudo.log\n')
        tasks: list[dict[str, object]] = [{'command': f'echo {n}', 'become': True} for n in range(3)]
        assert play(controller, host, connection, tasks).rc == 0
        counts[connection] = host.path('/var/log/sudo.log').read_text().count('COMMAND=')
    assert counts == {SVCFW: 1, STOCK: 3}


def test_modules_are_forks_of_one_process(controller: Controller, farm: Farm) -> None:
    """The parent of a module is the same process for each task; over stock ssh it is a shell of the login's."""
    parents = {}
    for connection in (SVCFW, STOCK):
        tasks: list[dict[str, object]] = [{'name': f'parent {n}', 'shell': 'ps -o ppid= -p $PPID'} for n in range(3)]
        run = play(controller, farm.host(), connection, tasks)
        assert run.rc == 0, run.output
        parents[connection] = {run.result(f'parent {n}')['result']['stdout'] for n in range(3)}
    assert (len(parents[SVCFW]), len(parents[STOCK])) == (1, 3)


def test_the_status_255_is_the_commands_own(controller: Controller, farm: Farm) -> None:
    kinds = {}
    for connection in (SVCFW, STOCK):
        run = play(controller, farm.host(), connection, [{'name': 'ends', 'raw': 'exit 255'}])
        event = run.result('ends')
        kinds[connection] = (event['kind'], event['result'].get('rc'))
    assert kinds[SVCFW] == ('failed', 255)
    assert kinds[STOCK][0] == 'unreachable'
