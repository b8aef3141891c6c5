"""Where ansible-core is not as we know it, playbooks still pass, only slower, and -v says which fast path is off."""

import dataclasses
import functools
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.ansible import Controller, Run, connection_vars
from tests.support.compare import differences
from tests.support.doctored import NEW, OLD, Doctoring, doctor
from tests.support.doctorings import DOCTORINGS, REUSE
from tests.support.hosts import PASSWORD, Farm
from tests.support.need import need_long
from tests.support.venvs import need_core

pytestmark = pytest.mark.slow

#: Where one run keeps its things.
FOLDER = re.compile(r'/[^ \']*/doctored\d+/[^ /\']+')
#: Of each kind of fact one or two, in any case; the long form has all.
SHORT = frozenset({
    'payload.argument', 'command.wrapped', 'shell.mkdtemp', 'become.build_become_command()', 'become.check_success',
    'play_context.executable', 'DEFAULT_LOCAL_TMP', 'copy._copy_file',
})  # fmt: skip

# One account, of which sudo and su want a password.
TASKS: list[dict[str, object]] = [
    {'name': 'module', 'ping': None},
    {'name': 'environment', 'shell': 'printenv DOCTORED; exit 3', 'environment': {'DOCTORED': "it's"},
     'failed_when': False},
    {'name': 'copy', 'copy': {'content': 'text\n', 'dest': '/tmp/doctored', 'mode': '0640'}},
    {'name': 'folder', 'copy': {'src': 'folder/', 'dest': '/tmp/doctored.d/'}},
    {'name': 'fetch', 'fetch': {'src': '/etc/hostname', 'dest': 'fetched/', 'flat': True}},
    {'name': 'sudo', 'command': 'id -un', 'become': True},
    {'name': 'sudo copy', 'copy': {'content': 'r', 'dest': '/root/doctored'}, 'become': True},
    {'name': 'other copy', 'copy': {'content': 'o', 'dest': '/home/other/doctored'},
     'become': True, 'become_user': 'other'},
    {'name': 'su', 'command': 'id -un', 'become': True, 'become_method': 'su', 'become_user': 'other'},
]  # fmt: skip

Play = Callable[[str, str, Doctoring | None], tuple[Run, dict[str, str]]]


@pytest.fixture(scope='module')
def play(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Plays TASKS on a new host, with a doctored core over svcfw, or over svcfw or stock ssh with a sound one."""
    top = tmp_path_factory.mktemp('doctored')

    def run(line: str, connection: str, doctoring: Doctoring | None) -> tuple[Run, dict[str, str]]:
        core = need_core(line)
        folder = Path(top, f'{line}-{connection}-{re.sub(r"[^a-z_.]", "-", doctoring.name) if doctoring else "sound"}')
        env = {'ANSIBLE_PIPELINING': '1', **(doctor(core, doctoring, folder / 'core') if doctoring else {})}
        host = farm.host()
        try:
            with Controller(core, folder, env) as controller:
                tasks = [task for task in TASKS if doctoring is None or task['name'] in doctoring.tasks]
                if connection != 'ssh' and any('copy' in task for task in tasks):
                    subprocess.run(
                        [core.script('svcfw'), 'enable'], env=controller.env, check=True, capture_output=True
                    )
                (folder / 'folder' / 'empty').mkdir(parents=True)
                for name in ('a', 'b'):
                    (folder / 'folder' / name).write_text(name)
                variables = {**host.inventory_vars('sudopw'), **connection_vars(connection)}
                variables['ansible_python_interpreter'] = '/usr/bin/python3'
                variables |= {'ansible_become_password': PASSWORD, **dict(doctoring.variables if doctoring else ())}
                done = controller.play({'target': variables}, tasks, '-v')
                done.events = [event for event in done.events if event['kind'] != 'recap']
            return done, host.changes()
        finally:
            host.stop()

    return functools.cache(run)


def differing(stock: Run, ours: Run) -> list[str]:
    """What differs beside the names of the controller's folders."""
    return differences(stock, ours, (FOLDER.findall(str(stock.events)), FOLDER.findall(str(ours.events))))


def cases() -> list[object]:
    return [
        pytest.param(line, doctoring, id=f'{line}-{doctoring.name}')
        for doctoring in DOCTORINGS
        for line in doctoring.lines
    ]


@pytest.mark.parametrize('line', [OLD, NEW])
def test_nothing_is_off_with_a_sound_core(play: Play, line: str) -> None:
    if line == OLD:
        need_long('the older of two lines of ansible-core')
    (stock, stock_changes), (ours, changes) = play(line, 'ssh', None), play(line, 'svcfw-ssh', None)
    assert stock.rc == 0, stock.output
    assert not differing(stock, ours)
    assert changes == stock_changes
    assert 'fast path off' not in ours.output
    assert 'svcfw: L1' not in ours.output
    assert 'svcfw: L3' not in ours.output


@pytest.mark.parametrize(('line', 'doctoring'), cases())
def test_a_doctored_core_costs_a_fast_path_and_nothing_else(play: Play, line: str, doctoring: Doctoring) -> None:
    if line == OLD or doctoring.name not in SHORT:
        need_long('every fact on two lines of ansible-core, some seconds each')
    (stock, stock_changes), (ours, changes) = play(line, 'ssh', None), play(line, 'svcfw-ssh', doctoring)
    assert ours.rc == 0, ours.output
    stock = dataclasses.replace(stock, events=[event for event in stock.events if event['task'] in doctoring.tasks])
    assert not differing(stock, ours), ours.output
    assert changes == {path: stock_changes.get(path) for path in changes}
    assert re.search(doctoring.says, ours.output), ours.output
    if not doctoring.says:
        assert 'fast path off' not in ours.output


@pytest.mark.parametrize('doctoring', REUSE, ids=lambda doctoring: doctoring.name)
def test_without_what_a_used_process_goes_by_each_module_has_a_new_one(
    farm: Farm, tmp_path: Path, doctoring: Doctoring
) -> None:
    core = need_core(doctoring.lines[0])
    host = farm.host()
    variables = {
        **host.inventory_vars(),
        **connection_vars('svcfw-ssh'),
        'ansible_python_interpreter': '/usr/bin/python3',
    }
    tasks = [{'name': f'{number}', 'command': f'printf {number}'} for number in range(4)]
    said, told = {}, {}
    for name, env in (('sound', {}), ('doctored', doctor(core, doctoring, tmp_path / 'core'))):
        with Controller(core, tmp_path / name, env) as controller:
            run = controller.play({'target': variables}, tasks, '-vvv')
        assert run.rc == 0, run.output
        said[name] = [run.result(f'{number}')['result']['stdout'] for number in range(4)]
        told[name] = run.output
    assert said['sound'] == said['doctored'] == ['0', '1', '2', '3']
    assert 'same process, run' in told['sound']
    assert 'same process, run' not in told['doctored']
    assert doctoring.says in told['doctored'], told['doctored']
