"""A strategy as its parent, and with its additions."""

from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.ansible.strategy import through
from svcfw.ansible.strategy.through import Through
from svcfw.ansible.strategy.variables import Variables
from tests.unit.ansible.strategy.fakes import Manager, make_host, make_task


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
