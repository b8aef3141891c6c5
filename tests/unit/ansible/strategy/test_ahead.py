"""Whose login begins when, ahead of its task."""

from typing import Any

import pytest

from svcfw.ansible.strategy.ahead import Ahead, needs_connection
from tests.unit.ansible import connections
from tests.unit.ansible.strategy.fakes import Templar, make_host, make_task


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
