"""Plugins that come with a playbook stand for core's of their names, whatever was looked up before."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.ansible import Controller
from tests.support.hosts import Farm
from tests.support.venvs import need_core

MODULE = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
AnsibleModule({}).exit_json(beside='a module')
"""
ACTION = """
from ansible.plugins.action import ActionBase
class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        return {**super().run(tmp, task_vars), 'beside': 'an action'}
"""
OURS = [
    {'name': 'module', 'ping': {}},
    {'name': 'action', 'copy': {'content': '', 'dest': '/tmp/copied'}},
    {'name': 'another module', 'stat': {'path': '/'}},
]
#: They are beside the playbook, or beside the tasks of a role that is found while it runs.
PLACES = {'playbook': '.', 'role': 'roles/late'}


@pytest.mark.parametrize('place', PLACES)
@pytest.mark.parametrize('line', ['2.16', '2.21'])
@pytest.mark.parametrize(
    ('connection', 'strategy'),
    [('svcfw', 'linear'), ('ssh', 'svcfw_linear')],
    ids=['connection', 'strategy'],
)
def test_they_are_used(place: str, line: str, connection: str, strategy: str, tmp_path: Path, farm: Farm) -> None:
    host = farm.host('h')
    with Controller(need_core(line), tmp_path / 'controller') as controller:
        subprocess.run(
            [controller.core.script('svcfw'), 'enable'], env=controller.env, check=True, stdout=subprocess.DEVNULL
        )
        top = controller.directory / PLACES[place]
        for folder, name, text in [('library', 'ping', MODULE), ('action_plugins', 'copy', ACTION)]:
            (top / folder).mkdir(parents=True)
            (top / folder / f'{name}.py').write_text(text)
        tasks = OURS
        if place == 'role':
            (top / 'tasks').mkdir()
            (top / 'tasks' / 'main.yml').write_text(json.dumps(OURS))
            tasks = [{'stat': {'path': '/'}}, {'include_role': {'name': 'late'}}]
        given = {**host.inventory_vars(), 'ansible_connection': connection}
        run = controller.play(
            {'h': {**given, 'ansible_python_interpreter': '/usr/bin/python3'}}, tasks, strategy=strategy
        )
        assert run.rc == 0, run.output
        of = 'late : ' if place == 'role' else ''
        assert run.result(of + 'module', 'h')['result']['beside'] == 'a module'
        assert run.result(of + 'action', 'h')['result']['beside'] == 'an action'
        assert run.result(of + 'another module', 'h')['result']['stat']['isdir']
