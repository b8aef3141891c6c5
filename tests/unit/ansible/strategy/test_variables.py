"""Whose variables lead to svcfw."""

from typing import Any

import pytest

from svcfw.ansible.strategy.variables import VARIABLE, Variables
from tests.unit.ansible.strategy.fakes import Manager, Templar, make_host, make_task

OURS = 'svcfw'


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
