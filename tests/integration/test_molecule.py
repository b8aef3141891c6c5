"""The Molecule scenarios, against throw-away hosts."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ansible import Controller, connection_vars
from tests.support.hosts import CHECKOUT, Farm
from tests.support.need import need
from tests.support.timing import seconds


@pytest.mark.slow
@pytest.mark.parametrize('scenario', ['default'])
def test_scenario(farm: Farm, controller: Controller, tmp_path: Path, scenario: str) -> None:
    programs = Path(sys.executable).parent
    molecule = shutil.which('molecule', path=str(programs))
    need('molecule', molecule, 'no molecule beside this Python (the extra `molecule`)')
    hosts = [farm.host(name) for name in ('one', 'two')]
    inventory = tmp_path / 'inventory.json'
    connection = connection_vars('svcfw-auto')
    named = {host.name: {**host.inventory_vars('sudoer'), **connection} for host in hosts}
    inventory.write_text(json.dumps({'all': {'hosts': named}}))
    env = {
        **controller.env,
        'PATH': f'{programs}:{controller.env["PATH"]}',  # molecule looks for ansible-config there
        'SVCFW_MOLECULE_INVENTORY': str(inventory),
        'MOLECULE_EPHEMERAL_DIRECTORY': str(tmp_path / 'molecule'),
    }
    done = subprocess.run(
        [str(molecule), 'test', '--scenario-name', scenario],
        cwd=CHECKOUT,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds(300),
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
    for step in ('converge', 'idempotence', 'verify'):
        assert step in done.stdout + done.stderr
