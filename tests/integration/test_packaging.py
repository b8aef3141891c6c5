"""What is installed: the plugin under both its names, its documentation, and a wheel that holds it all."""

import compileall
import os
import shutil
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


def build_wheel(checkout: Path, into: Path, umask: int = 0o022) -> Path:
    """The wheel that pip builds of a checkout."""
    pip = subprocess.run([sys.executable, '-m', 'pip', '--version'], capture_output=True)
    builder = [sys.executable, '-m', 'pip'] if pip.returncode == 0 else ['pip']
    done = subprocess.run(
        [*builder, 'wheel', '--quiet', '--no-deps', '--wheel-dir', str(into), str(checkout)],
        capture_output=True,
        text=True,
        timeout=seconds(180),
        umask=umask,
    )
    need('pip', done.returncode == 0, f'pip cannot build a wheel here: {done.stderr.strip()[-300:]}')
    (wheel,) = into.glob('svcfw-*.whl')
    return wheel


def checkout_at(place: Path, modified_at: int, umask: int) -> Path:
    """A copy of what a wheel is made of, with other times and modes, as a clone elsewhere would have them."""
    wanted = ('svcfw', 'ansible_plugins', 'hatch_build.py', 'pyproject.toml', 'README.md', 'LICENSE')
    for name in wanted:
        for path in [CHECKOUT / name, *(CHECKOUT / name).rglob('*')]:
            if path.is_dir() or '__pycache__' in path.parts:
                continue
            copy = place / path.relative_to(CHECKOUT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            copy.chmod((0o777 if path.stat().st_mode & 0o100 else 0o666) & ~umask)
            os.utime(copy, (modified_at, modified_at))
    return place


def test_two_builds_of_one_checkout_are_the_same_wheel(tmp_path: Path) -> None:
    wheels = []
    for name, modified_at, umask in (('one', 1_000_000_000, 0o022), ('another', 1_700_000_000, 0o077)):
        checkout = checkout_at(tmp_path / name / 'checkout', modified_at, umask)
        if name == 'another':  # where it has been run
            compileall.compile_dir(checkout / 'ansible_plugins', quiet=1)
            compileall.compile_dir(checkout / 'svcfw' / 'cli', quiet=1)
        wheels.append(build_wheel(checkout, tmp_path / name, umask))
    assert wheels[0].name == wheels[1].name
    with zipfile.ZipFile(wheels[0]) as one, zipfile.ZipFile(wheels[1]) as another:
        assert one.namelist() == another.namelist()
        differing = [a.filename for a, b in zip(one.infolist(), another.infolist(), strict=True) if a.CRC != b.CRC]
        assert differing == []
    assert wheels[0].read_bytes() == wheels[1].read_bytes()


def test_the_wheel_holds_package_and_collection(tmp_path: Path) -> None:
    with zipfile.ZipFile(build_wheel(CHECKOUT, tmp_path)) as archive:
        names = set(archive.namelist())
    assert 'ansible_collections/svcfw/svcfw/plugins/connection/svcfw.py' in names
    assert {'svcfw/__init__.py', 'svcfw/cli/main.py', 'svcfw/cli/demo.yml'} <= names
    assert {'svcfw/py.typed', 'svcfw/__init__.pyi', 'svcfw/core/context.pyi'} <= names
    assert {name.split('/')[0] for name in names if '.dist-info/' not in name} == {'svcfw', 'ansible_collections'}
