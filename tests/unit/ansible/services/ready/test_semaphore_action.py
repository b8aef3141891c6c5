"""What a task of `semaphore` asks for, and where to wait for it would be in vain."""

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from svcfw.ansible.services.ready import semaphore_action as module
from svcfw.ansible.services.ready.semaphore_action import ActionModule


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Any:
    """ask(strategy, variables, **arguments): what the service is asked for."""
    asked: list[Any] = []

    def attest(connection: Any, service: str, request: Any) -> str:
        asked.append(request)
        return 'key'

    monkeypatch.setattr(module, 'attest', attest)
    monkeypatch.setattr(ActionBase, 'run', lambda self, tmp, task_vars: {})
    monkeypatch.setattr(ActionModule, '_execute_module', lambda self, name, arguments, task_vars: arguments)

    def run(strategy: str = 'free', variables: Any = None, **arguments: Any) -> Any:
        action = ActionModule.__new__(ActionModule)
        block = SimpleNamespace(_play=SimpleNamespace(strategy=strategy))
        action._task = SimpleNamespace(args=arguments, action='semaphore', _parent=SimpleNamespace(_parent=block))
        action._connection = None
        assert action.run(None, {'inventory_hostname': 'web1', **(variables or {})})['_key'] == 'key'
        return asked[-1]

    return run


def test_what_is_not_said_is_usual(ask: Any) -> None:
    assert ask(name='db') == {
        'host': 'web1', 'name': 'db', 'slots': 1, 'timeout': 600.0, 'forks': None, 'obstacle': None,
    }  # fmt: skip


def test_what_is_said_counts(ask: Any) -> None:
    request = ask(name='db', slots='3', timeout=0, state='held', variables={'ansible_forks': 5})
    assert (request['slots'], request['timeout'], request['forks']) == (3, 0.0, 5)


@pytest.mark.parametrize(
    ('strategy', 'is_vain'),
    [('linear', True), ('ansible.builtin.linear', True), ('debug', True), ('free', False), ('host_pinned', False)],
)
def test_where_all_hosts_take_a_task_together_none_would_release_it(ask: Any, strategy: str, is_vain: bool) -> None:
    assert bool(ask(strategy, name='db')['obstacle']) == is_vain


@pytest.mark.parametrize(
    ('arguments', 'cause'),
    [
        ({}, 'name is missing'),
        ({'name': 5}, 'name is missing'),
        ({'name': 'db', 'slot': 1}, 'has no option slot'),
        ({'name': 'db', '_key': 'forged'}, 'has no option _key'),
        ({'name': 'db', 'slots': 0}, 'slots is a number from 1 on'),
        ({'name': 'db', 'slots': 1.5}, 'slots is a number'),
        ({'name': 'db', 'slots': 'many'}, 'slots is a number'),
        ({'name': 'db', 'timeout': -1}, 'timeout is a number from 0 on'),
        ({'name': 'db', 'timeout': float('nan')}, 'timeout is a number'),
        ({'name': 'db', 'timeout': 1e12}, 'timeout is a number'),
    ],
)
def test_what_asks_for_nothing_says_why(ask: Any, arguments: Any, cause: str) -> None:
    with pytest.raises(AnsibleActionFail, match=cause):
        ask(**arguments)
