"""A target without any Python: the stock connection takes over, and what needs no Python works as with it."""

from pathlib import Path

import pytest

from tests.support.ansible import Controller
from tests.support.hosts import Farm, Host
from tests.support.venvs import need_core

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: raw
      raw: id -un
    - name: script
      script: script.sh word
    - name: module
      ping:
      ignore_errors: true
"""


@pytest.fixture
def bare_host(farm: Farm) -> Host:
    host = farm.host('bare')
    for folder in ('/usr/bin', '/usr/local/bin'):
        for python in host.path(folder).glob('python*'):
            python.unlink()
    return host


@pytest.mark.parametrize('line', ['2.18', '2.21'])
def test_raw_and_script_work_as_over_stock_ssh(line: str, bare_host: Host, tmp_path: Path) -> None:
    (tmp_path / 'play.yml').write_text(PLAYBOOK)
    (tmp_path / 'script.sh').write_text('#!/bin/sh\necho "$1 $(id -un)"\n')
    fixed = {'ansible_python_interpreter': '/usr/bin/python3'}
    with Controller(need_core(line), tmp_path) as controller:
        runs = {
            connection: controller.run(
                tmp_path / 'play.yml',
                {'bare': bare_host.inventory_vars() | fixed | {'ansible_connection': connection}},
                '-v',
            )
            for connection in ('ssh', 'svcfw.svcfw.svcfw')
        }
    stock, ours = runs.values()
    assert ours.recap == stock.recap, ours.output
    assert ours.rc == stock.rc == 0
    for task, output in (('raw', 'plain'), ('script', 'word plain')):
        assert ours.result(task)['result']['stdout_lines'] == stock.result(task)['result']['stdout_lines'] == [output]
    assert ours.result('module')['result']['rc'] == stock.result('module')['result']['rc'] == 127
    assert 'svcfw: L3, stock ssh: ' in ours.output
