"""Plays that copy something, over stock ssh and over svcfw: what they report and what they change is to be the same."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.ansible import Controller, Run, connection_vars
from tests.support.compare import differences
from tests.support.hosts import Farm
from tests.support.venvs import need_core

VAULT = 'vault password'
#: Where tasks copy to, on the target.
TOP = '/home/sudoer/copied'

#: make_source(folder, words of a command that encrypts a file): what is copied.
MakeSource = Callable[[Path, list[str]], Path]
#: The tasks for that source.
Tasks = Callable[[Path], list[dict[str, Any]]]


def steps(name: str, prepare: str, task: dict[str, Any]) -> list[dict[str, Any]]:
    """A task with a shell command in TOP before it."""
    before = {'name': f'prepare {name}', 'shell': f'mkdir -p {TOP}; cd {TOP}; {prepare or "true"}'}
    return [before, {'name': name, 'ignore_errors': True, **task}]


def same_as_stock(folder: Path, make_source: MakeSource, tasks: Tasks, line: str, farm: Farm) -> Run:
    """Play the tasks over both; AssertionError unless the same came of it. Returns ours."""
    ours, our_changes = _played(folder / 'ours', make_source, tasks, line, 'svcfw-ssh', farm)
    stock, stock_changes = _played(folder / 'stock', make_source, tasks, line, 'ssh', farm)
    found = differences(stock, ours, ([str(folder / 'stock')], [str(folder / 'ours')]))
    assert not found, '\n'.join(found) + '\n\n' + ours.output[-6000:]
    ours_alike, stock_alike = _named_alike(our_changes), _named_alike(stock_changes)
    other = {path: (ours_alike.get(path), stock_alike.get(path)) for path in ours_alike.keys() | stock_alike.keys()}
    other = {path: both for path, both in other.items() if both[0] != both[1]}
    assert not other, f'path: (ours, stock): {other}'
    assert len(our_changes) > 40
    return ours


def _played(
    folder: Path, make_source: MakeSource, tasks: Tasks, line: str, connection: str, farm: Farm
) -> tuple[Run, dict[str, str]]:
    """What a run of the tasks reported, and what it changed on the target."""
    core = need_core(line)
    folder.mkdir()
    (folder / 'vault').write_text(VAULT)
    host = farm.host('target')
    before = os.umask(0o22)
    try:
        encrypt = [core.python, '-m', 'ansible.cli.vault', 'encrypt', '--vault-password-file', folder / 'vault']
        source = make_source(folder / 'source', list(map(str, encrypt)))
        with Controller(core, folder / 'controller', {'ANSIBLE_PIPELINING': '1'}) as controller:
            if connection != 'ssh':
                subprocess.run([core.script('svcfw'), 'enable'], env=controller.env, check=True)
            controller.trust(host)
            inventory = {'target': {**host.inventory_vars('sudoer'), **connection_vars(connection)}}
            playbook = controller.write_play(tasks(source))
            vault = ['--vault-password-file', str(folder / 'vault')]
            run = controller.finish(controller.start(playbook, inventory, '-vv', *vault), timeout_s=500)
    finally:
        os.umask(before)
    changes = host.changes()
    host.stop()
    return run, changes


def _named_alike(changes: dict[str, str]) -> dict[str, str]:
    """Without process and time in the names of backups."""
    return {re.sub(r'\.\d+\.\d{4}-.*~$', '.BACKUP', path): text for path, text in changes.items()}
