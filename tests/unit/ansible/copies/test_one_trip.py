"""What the connection does for a `copy` of one file in one round trip; the actions that use it."""

import runpy
import subprocess
import sys

import pytest
from ansible.plugins.action import ActionBase

from svcfw.agent.warm.job import Condition
from svcfw.ansible.payloads.commands import ConditionIgnored
from tests.unit.ansible.connections import PLUGINS, make_action
from tests.unit.ansible.payload_text import PAYLOAD

PYTHON = "/bin/sh -c '/usr/bin/python3 && sleep 0'"
CONDITION = Condition('/tmp/x', False, 1, '0' * 40)


def test_a_folder_is_made_in_the_known_home_only_while_that_is_taken(connect, mux):
    action = make_action(connect())
    with action._connection.with_known_home():
        known = action._make_tmp_path()
    asked = action._make_tmp_path()
    for path in (known, asked):
        assert path.startswith('/home/me/.ansible/tmp/ansible-tmp-')
    assert [call[0] for call in mux.calls if call[0] != 'facts'] == ['mkdtemp', 'expand_user', 'mkdtemp']


def test_the_home_of_another_account_is_asked_for(connect, mux):
    action = make_action(connect())
    with action._connection.with_known_home():
        action._remote_expand_user('~somebody/x', sudoable=False)
    assert len(mux.named('expand_user')) == 1


@pytest.mark.parametrize('data', [b'print(1)', b'#!/usr/bin/perl\n'])
def test_nothing_that_knows_no_conditions_runs_on_one(connect, mux, data):
    connection = connect()
    with pytest.raises(ConditionIgnored), connection.on_condition(CONDITION):
        connection.exec_command(PYTHON, in_data=data)
    with pytest.raises(ConditionIgnored), connection.on_condition(CONDITION):
        connection.exec_command('/usr/bin/perl', in_data=data)
    with pytest.raises(ConditionIgnored), connection.on_condition(CONDITION):  # a module that was sent as a file
        connection.exec_command("/bin/sh -c '/usr/bin/python3 /home/me/.ansible/tmp/AnsiballZ_copy.py'")
    assert not any(call[0].startswith('run_') for call in mux.calls)
    connection.exec_command(PYTHON, in_data=data)
    assert len([call for call in mux.calls if call[0].startswith('run_')]) == 1


def test_a_module_is_given_it(connect, mux, monkeypatch):
    given = []

    def run_module(self, target, payload, env, condition=None, **more):
        given.append(condition)
        return self._run(target, 'run_module', payload, env)

    monkeypatch.setattr('tests.support.fake_mux.FakeClient.run_module', run_module)
    connection = connect()
    with connection.on_condition(CONDITION):
        connection.exec_command(PYTHON, in_data=PAYLOAD)
    connection.exec_command(PYTHON, in_data=PAYLOAD)
    assert given == [CONDITION, None]


def test_template_is_stocks_over_every_other_connection(monkeypatch):
    """And nothing of svcfw is loaded."""
    found = runpy.run_path(str(PLUGINS / 'action' / 'template.py'))['ActionModule']
    assert issubclass(found, ActionBase)
    assert found.TRANSFERS_FILES
    assert found.__mro__[1].__module__ == 'svcfw_stock_template'
    script = """
import runpy, sys
action = object.__new__(runpy.run_path(sys.argv[1])['ActionModule'])
action._connection = None
type(action).__mro__[1]._make_tmp_path = lambda self: None
action._make_tmp_path()
print([name for name in sys.modules if name.partition('.')[0] == 'svcfw'])
"""
    command = [sys.executable, '-c', script, str(PLUGINS / 'action' / 'template.py')]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == '[]'
