"""What the demo runs, where, and what it prints; ansible-playbook itself is replaced."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from svcfw.cli import demo, plugins


class Programs:
    """In the place of subprocess.run: keeps what was to be run, and ends with `status`."""

    def __init__(self) -> None:
        self.status = {'svcfw': 0, 'stock': 0}
        self.playbooks: list[Any] = []
        self.stops: list[Any] = []
        self.error: BaseException | None = None

    def __call__(self, command: list[str], env: dict[str, str], **more: Any) -> 'subprocess.CompletedProcess[str]':
        folder = Path(env['XDG_RUNTIME_DIR'])
        if '-i' not in command:
            self.stops.append((command, env, folder.is_dir()))
            return subprocess.CompletedProcess(command, 0)
        inventory = json.loads(Path(command[command.index('-i') + 1]).read_text())
        self.playbooks.append((command, env, inventory['all']['hosts']['demo'], folder))
        if self.error is not None:
            raise self.error
        return subprocess.CompletedProcess(command, self.status[folder.name], f'said by {folder.name}\n')


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    made = Programs()
    monkeypatch.setattr(demo.subprocess, 'run', made)
    monkeypatch.setattr(demo.importlib.util, 'find_spec', lambda name: name)
    return made


def test_one_playbook_over_both_connections(programs: Programs) -> None:
    out = io.StringIO()
    assert demo.run(out) == 0
    (ours, _, our_host, folder), (stock, _, stock_host, other) = programs.playbooks
    assert (our_host['ansible_connection'], our_host['ansible_svcfw_transport']) == ('svcfw.svcfw.svcfw', 'local')
    assert stock_host['ansible_connection'] == 'local'
    assert our_host['ansible_python_interpreter'] == sys.executable
    assert ours[-1] == stock[-1] == str(demo.PLAYBOOK)
    assert demo.PLAYBOOK.is_file()
    assert folder != other, 'neither finds what the other has made'
    assert not folder.parent.exists()
    lines = out.getvalue().splitlines()
    assert lines[0] == 'said by svcfw'
    assert [line.split()[:2] for line in lines[1:]] == [['connection:', 'svcfw'], ['connection:', 'local']]


@pytest.mark.parametrize('name', ['svcfw', 'stock'])
def test_a_failure_is_shown_and_ends_the_demo(programs: Programs, name: str) -> None:
    programs.status[name] = 4
    out = io.StringIO()
    assert demo.run(out) == 4
    assert out.getvalue().splitlines()[-1] == f'said by {name}'
    assert [folder.name for *_, folder in programs.playbooks][-1] == name


def test_the_multiplexer_is_ended_while_its_folder_is_there(programs: Programs) -> None:
    programs.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        demo.run(io.StringIO())
    ((command, environment, was_there),) = programs.stops
    assert (command[0], environment, was_there) == (sys.executable, programs.playbooks[0][1], True)
    assert '"stop"' in command[-1]


def test_nothing_of_the_users_settings_takes_part(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('ANSIBLE_STRATEGY', 'free')
    monkeypatch.setenv('ANSIBLE_CONFIG', '/home/me/ansible.cfg')
    demo.run(io.StringIO())
    for _, environment, host, folder in programs.playbooks:
        settings = {name: value for name, value in environment.items() if name.startswith('ANSIBLE_')}
        assert settings == {'ANSIBLE_CONFIG': f'{folder}/ansible.cfg', 'ANSIBLE_HOME': f'{folder}/ansible'}
        assert environment['PATH'] == os.environ['PATH']
        assert host['ansible_remote_tmp'] == f'{folder}/remote'


def test_without_ansible_it_says_what_to_install(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(plugins.Refused, match=r'pip install "svcfw\[ansible\]"'):
        demo.run(io.StringIO())
    assert programs.playbooks == []


def test_it_takes_the_ansible_of_its_own_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'executable', str(tmp_path / 'python'))
    assert demo.ansible_playbook() == [str(tmp_path / 'python'), '-m', 'ansible', 'playbook']
    script = tmp_path / 'ansible-playbook'
    script.write_text('#!/bin/sh\n')
    script.chmod(0o755)
    assert demo.ansible_playbook() == [str(script)]
