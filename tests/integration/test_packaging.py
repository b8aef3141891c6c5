"""What is installed: the plugin under both its names, its documentation, and a wheel that holds it all."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.ansible import Controller
from tests.support.hosts import CHECKOUT
from tests.support.need import need
from tests.support.timing import seconds
from tests.support.venvs import need_core


def run(command: list[str], controller: Controller) -> str:
    done = subprocess.run(command, env=controller.env, capture_output=True, text=True, timeout=seconds(120))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize('line', ['2.18', '2.19', '2.21'])
def test_ansible_doc_shows_the_plugin_with_no_configuration(line: str, tmp_path: Path) -> None:
    with Controller(need_core(line), tmp_path) as controller:
        text = run([controller.core.script('ansible-doc'), '-t', 'connection', 'svcfw.svcfw.svcfw'], controller)
    for option in ('svcfw_transport', 'svcfw_idle_timeout', 'host_key_checking', 'ssh_common_args', 'pipelining'):
        assert option in text


def test_the_short_name_works_once_enabled(controller: Controller) -> None:
    # What discovery finds on PATH may be a stub of pyenv for a version that is not chosen.
    local = {
        'here': {
            'ansible_connection': 'svcfw',
            'ansible_svcfw_transport': 'local',
            'ansible_python_interpreter': sys.executable,
        }
    }
    ping = [{'name': 'ping', 'ping': None}]
    assert controller.play(local, ping).rc != 0
    run([controller.core.script('svcfw'), 'enable'], controller)
    played = controller.play(local, ping)
    assert played.rc == 0, played.output
    run([controller.core.script('svcfw'), 'disable'], controller)
    assert controller.play(local, ping).rc != 0


def test_the_wheel_holds_package_and_collection(tmp_path: Path) -> None:
    pip = subprocess.run([sys.executable, '-m', 'pip', '--version'], capture_output=True)
    builder = [sys.executable, '-m', 'pip'] if pip.returncode == 0 else ['pip']
    done = subprocess.run(
        [*builder, 'wheel', '--quiet', '--no-deps', '--wheel-dir', str(tmp_path), str(CHECKOUT)],
        capture_output=True,
        text=True,
        timeout=seconds(180),
    )
    need('pip', done.returncode == 0, f'pip cannot build a wheel here: {done.stderr.strip()[-300:]}')
    (wheel,) = tmp_path.glob('svcfw-*.whl')
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert 'ansible_collections/svcfw/svcfw/plugins/connection/svcfw.py' in names
    assert {'svcfw/__init__.py', 'svcfw/cli/main.py', 'svcfw/cli/demo.yml'} <= names
    assert {'svcfw/py.typed', 'svcfw/__init__.pyi', 'svcfw/core/context.pyi'} <= names
    assert {name.split('/')[0] for name in names if '.dist-info/' not in name} == {'svcfw', 'ansible_collections'}
