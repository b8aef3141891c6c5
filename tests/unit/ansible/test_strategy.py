"""The strategies' parts with fakes: whose variables are changed, and whose login begins when."""

from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.ansible.strategy import ahead, through
from svcfw.ansible.strategy.ahead import Ahead, needs_connection
from svcfw.ansible.strategy.through import Through
from svcfw.ansible.strategy.variables import VARIABLE, Variables
from tests.unit.ansible import connections

OURS = 'svcfw'


class Manager:
    """A VariableManager: hosts' variables, and some other method."""

    other = 'other'

    def __init__(self, **hosts: Any) -> None:
        self.hosts = hosts

    def get_vars(self, play: Any = None, host: Any = None, task: Any = None) -> Any:
        return dict(self.hosts.get(host.name if host else '', {}))

    def get_delegated_vars_and_hostname(self, templar: Any, task: Any, variables: Any) -> Any:
        if not task.delegate_to:
            return {}, None
        return {'ansible_delegated_vars': {task.delegate_to: dict(self.hosts[task.delegate_to])}}, task.delegate_to


class Templar:
    def __init__(self, variables: Any) -> None:
        self.variables = variables

    def template(self, value: str) -> Any:
        return self.variables[value.strip('{ }')]


def make_task(**fields: Any) -> Any:
    given = {'connection': 'ssh', 'delegate_to': None, 'when': [], 'run_once': False, 'throttle': 0, 'action': 'ping'}
    return SimpleNamespace(**{**given, 'collections': [], **fields})


def make_host(name: str) -> Any:
    return SimpleNamespace(name=name)


def make_variables(**hosts: Any) -> Variables:
    return Variables(Manager(**hosts), OURS, lambda name: name in ('ssh', 'paramiko'), Templar)


@pytest.mark.parametrize(
    ('given', 'keyword', 'expected'),
    [
        ({}, 'ssh', OURS),
        ({}, 'local', None),
        ({VARIABLE: 'paramiko'}, 'local', OURS),
        ({VARIABLE: 'local'}, 'ssh', 'local'),
        ({VARIABLE: 'winrm'}, 'ssh', 'winrm'),
        ({VARIABLE: '{{ which }}', 'which': 'ssh'}, 'ssh', OURS),
        ({VARIABLE: '{{ which }}', 'which': 'local'}, 'ssh', '{{ which }}'),
        ({VARIABLE: '{{ undefined }}'}, 'ssh', '{{ undefined }}'),
        ({VARIABLE: 7}, 'ssh', 7),
    ],
)
def test_whose_connection_is_led(given: Any, keyword: str, expected: Any) -> None:
    variables = make_variables(h=given).get_vars(host=make_host('h'), task=make_task(connection=keyword))
    assert variables.get(VARIABLE) == expected


def test_delegated_hosts_have_their_own() -> None:
    variables = make_variables(there={}, here={VARIABLE: 'local'})
    for name, expected in (('there', OURS), ('here', 'local')):
        found, _ = variables.get_delegated_vars_and_hostname(None, make_task(delegate_to=name), {})
        assert found['ansible_delegated_vars'][name][VARIABLE] == expected
    assert variables.get_delegated_vars_and_hostname(None, make_task(), {}) == ({}, None)


def test_variables_of_no_task_and_all_else_are_the_managers() -> None:
    variables = make_variables(h={})
    assert variables.get_vars(host=make_host('h')) == {}
    assert variables.other == 'other'


@pytest.mark.parametrize(
    'fields',
    [
        {'delegate_to': 'localhost'},
        {'when': ['x']},
        {'run_once': True},
        {'throttle': 1},
        {'action': 'debug'},
        {'action': 'ansible.builtin.set_fact'},
        {'action': 'include_tasks'},
        {'action': 'ansible.builtin.include_role'},
        {'action': 'pause'},
        {'action': 'wait_for_connection'},
        {'action': '{{ module }}'},
    ],
)
def test_what_may_need_no_connection(fields: Any) -> None:
    assert connections  # core's loaders are set up there
    assert not needs_connection(make_task(**fields))


@pytest.mark.parametrize('action', ['ping', 'ansible.builtin.setup', 'gather_facts', 'raw', 'no.such.module', 'copy'])
def test_what_needs_one(action: str) -> None:
    assert needs_connection(make_task(action=action))


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of hosts whose logins began; those called 'bad' raise something."""
    names: list[str] = []

    def begin(variables: Any, task: Any, play_context: Any, make_templar: Any) -> None:
        names.append(variables['name'])
        if variables['name'].startswith('bad'):
            raise RuntimeError('of no matter')

    monkeypatch.setattr(ahead, 'begin', begin)
    return names


def make_ahead(*names: str, reach: int = 2) -> Ahead:
    return Ahead([make_host(name) for name in names], reach, lambda host, task: {'name': host.name}, Templar)


def queue(batch: Ahead, name: str, **fields: Any) -> None:
    batch.queued(make_host(name), make_task(**fields), {'name': name}, None)


def test_a_host_and_the_one_that_many_places_on(begun: list[str]) -> None:
    batch = make_ahead('a', 'b', 'c', 'd')
    for name in 'abcd':
        queue(batch, name)
    assert begun == ['a', 'c', 'b', 'd']
    for name in 'abcd':
        queue(batch, name)
    assert len(begun) == 4


def test_without_reach_only_the_host_itself(begun: list[str]) -> None:
    batch = make_ahead('a', 'b', reach=0)
    queue(batch, 'b')
    assert begun == ['b']


def test_the_first_task_that_needs_a_connection(begun: list[str]) -> None:
    batch = make_ahead('a', 'b', 'c')
    queue(batch, 'a', action='debug')
    assert begun == []
    queue(batch, 'a')
    assert begun == ['a', 'c']


def test_errors_are_the_tasks(begun: list[str]) -> None:
    batch = make_ahead('bad', 'b', 'bad2')
    queue(batch, 'bad')
    assert begun == ['bad', 'bad2']


def test_who_was_added_to_the_play_since_is_left_to_its_task(begun: list[str]) -> None:
    queue(make_ahead('a'), 'new')
    assert begun == []


class Core:
    """A strategy of core, as far as ours need it."""

    def __init__(self, tqm: Any) -> None:
        self._variable_manager = tqm
        self._loader, self._step, self._workers = None, False, [None]
        self.queued: list[str] = []

    def run(self, iterator: Any, play_context: Any) -> str:
        self._queue_task(make_host('h'), make_task(), {'name': 'h'}, play_context)
        return iterator._play.strategy

    def _queue_task(self, host: Any, task: Any, task_vars: Any, play_context: Any) -> None:
        self.queued.append(host.name)

    def get_hosts_left(self, iterator: Any) -> list[Any]:
        return [make_host('h')]


class Led(Through, Core):
    like = 'free'


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(through._display, 'warning', lines.append)
    return lines


def run(strategy: Any) -> Any:
    return strategy.run(SimpleNamespace(_play=SimpleNamespace(strategy='svcfw.svcfw.free')), None)


def test_a_strategy_passes_as_the_one_that_it_is_of(begun: list[str], warnings: list[str]) -> None:
    strategy = Led(Manager(h={}))
    assert run(strategy) == 'free'
    assert (strategy.queued, begun, warnings) == (['h'], ['h'], [])
    assert isinstance(strategy._variable_manager, Variables)


@pytest.mark.parametrize('reason', ['hook', 'plugin'])
def test_where_something_is_gone_it_is_its_parent(
    begun: list[str], warnings: list[str], monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    if reason == 'hook':
        monkeypatch.delattr(Manager, 'get_delegated_vars_and_hostname')
    else:
        monkeypatch.setattr(through.plugin, 'load', lambda: None)
    strategy = Led(Manager(h={}))
    run(strategy)
    assert (strategy.queued, begun, len(warnings)) == (['h'], [], 1)
    assert 'works as its parent' in warnings[0]
    assert isinstance(strategy._variable_manager, Manager)


def test_nothing_begins_in_a_step_that_may_not_be_taken(begun: list[str], warnings: list[str]) -> None:
    strategy = Led(Manager(h={}))
    strategy._step = True
    run(strategy)
    assert begun == []
