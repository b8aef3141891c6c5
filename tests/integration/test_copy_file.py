"""`copy` and `template` of one file over svcfw give what they give over stock ssh, in fewer round trips."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.modules import last_s, moment
from tests.integration.copying import TOP, same_as_stock, steps
from tests.integration.test_ready_modules import UNKNOWN
from tests.support.ansible import Controller, connection_vars
from tests.support.flow import line as long_line
from tests.support.hosts import Farm, Host
from tests.support.need import need_long
from tests.support.sshd import LOOPBACK

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Case:
    """One task with these arguments; before it, `prepare` runs on the target, in TOP."""

    name: str
    arguments: dict[str, Any]
    prepare: str = ''
    keywords: dict[str, Any] | None = None
    module: str = 'copy'

    def tasks(self, source: Path) -> list[dict[str, Any]]:
        usual = {} if 'content' in self.arguments else {'src': f'{source}/file.conf'}
        arguments = {**usual, 'dest': f'{TOP}/{self.name}', **self.arguments}
        if 'src' in arguments:
            arguments['src'] = arguments['src'].replace('SOURCE', str(source))
        return steps(self.name, self.prepare, {self.module: arguments, **(self.keywords or {})})


BECOME = {'become': True}
AS_FILES = {'vars': {'ansible_pipelining': False}}
OLD = 'echo old > {0}; chmod 640 {0}'
SAME = "printf 'the same\\n' > {0}"
CASES = [
    Case('new', {}),
    Case('again', {'dest': f'{TOP}/new'}),
    Case('old', {}, OLD.format('old')),
    Case('of the same size', {}, "printf 'the sane\\n' > 'of the same size'"),
    Case('mode', {'mode': '0604'}, OLD.format('mode')),
    Case('mode alone', {'mode': '0604'}, SAME.format("'mode alone'")),
    Case('mode alone, modules as files', {'mode': '0604'}, SAME.format("'mode alone, modules as files'"), AS_FILES),
    Case('folder, modules as files', {}, "mkdir 'folder, modules as files'", AS_FILES),
    Case('symbolic', {'mode': 'u=rw,g=r,o='}, OLD.format('symbolic')),
    Case('preserved', {'mode': 'preserve'}, OLD.format('preserved')),
    Case('owned', {'owner': 'plain', 'group': 'other'}, OLD.format('owned'), BECOME),
    Case('owned already', {'owner': 'plain', 'group': 'other', 'dest': f'{TOP}/owned'}, '', BECOME),
    Case('not mine', {}, OLD.format("'not mine'") + "; sudo -n chown root 'not mine'; sudo -n chmod 600 'not mine'"),
    Case('backed up', {'backup': True}, OLD.format("'backed up'")),
    Case('backed up the same', {'backup': True}, SAME.format("'backed up the same'")),
    Case('validated', {'validate': 'grep -q same %s'}, OLD.format('validated')),
    Case('not valid', {'validate': 'grep -q never %s'}, OLD.format("'not valid'")),
    Case('unsafe', {'unsafe_writes': True}, OLD.format('unsafe')),
    Case('link', {}, 'echo old > behind; ln -s behind link'),
    Case('link followed', {'follow': True}, "echo old > behind2; ln -s behind2 'link followed'"),
    Case('link to the same', {'mode': '0600'}, SAME.format('behind3') + "; ln -s behind3 'link to the same'"),
    Case('link followed to the same', {'follow': True, 'mode': '0600'},
         SAME.format('behind4') + "; ln -s behind4 'link followed to the same'"),
    Case('link to a folder', {}, "mkdir folder5; ln -s folder5 'link to a folder'"),
    Case('link to a folder followed', {'follow': True}, "mkdir folder6; ln -s folder6 'link to a folder followed'"),
    Case('dangling', {}, 'ln -s nowhere dangling'),
    Case('dangling followed', {'follow': True}, "ln -s nowhere2 'dangling followed'"),
    Case('hard', {}, 'echo old > hard; ln hard hard2'),
    Case('folder', {}, 'mkdir folder'),
    Case('folder with it', {}, "mkdir 'folder with it'; echo old > 'folder with it/file.conf'"),
    Case('slash', {'dest': f'{TOP}/slash/'}, 'mkdir slash; echo old > slash/file.conf'),
    Case('slash new', {'dest': f'{TOP}/slash new/and/more/'}),
    Case('nowhere', {'dest': f'{TOP}/no/where'}),
    Case('a file in the way', {'dest': f'{TOP}/way/file'}, 'echo > way'),
    Case('not allowed', {'dest': '/etc/not-allowed'}),
    Case('pipe', {}, 'mkfifo pipe'),
    Case('not forced', {'force': False}, OLD.format("'not forced'")),
    Case('not forced new', {'force': False}),
    Case('checksum', {'checksum': '0' * 40}, OLD.format('checksum')),
    Case('checked', {}, OLD.format('checked'), {'check_mode': True}),
    Case('checked the same', {'mode': '0600'}, SAME.format("'checked the same'"), {'check_mode': True}),
    Case('shown', {}, OLD.format('shown'), {'diff': True}),
    Case('shown the same', {'mode': '0600'}, SAME.format("'shown the same'"), {'diff': True}),
    Case('content', {'content': 'told\n'}, OLD.format('content')),
    Case('content again', {'content': 'told\n', 'dest': f'{TOP}/content'}),
    Case('content in a folder', {'content': 'told\n'}, "mkdir 'content in a folder'"),
    Case('nothing', {'content': ''}, OLD.format('nothing')),
    Case('vaulted', {'src': 'SOURCE/vaulted'}, OLD.format('vaulted')),
    Case('vaulted again', {'src': 'SOURCE/vaulted', 'dest': f'{TOP}/vaulted'}),
    Case('large', {'src': 'SOURCE/large'}, OLD.format('large')),
    Case('attributes', {'attributes': '+A'}, OLD.format('attributes')),
    Case('a wrong mode', {'mode': 'rubbish'}, OLD.format("'a wrong mode'")),
    Case('home', {'dest': '~/copied/home'}, OLD.format('home')),
    Case('variable', {'dest': '$HOME/copied/variable'}, OLD.format('variable')),
    Case('remote', {'src': f'{TOP}/new', 'remote_src': True}, OLD.format('remote')),
    Case('for another', {'dest': '/tmp/another'}, '', {'become': True, 'become_user': 'plain'}),
    Case('not shown', {'content': 'a secret'}, OLD.format("'not shown'"), {'no_log': True}),
    Case('each', {'dest': f'{TOP}/each {{{{ item }}}}'}, OLD.format("'each 2'"), {'loop': [1, 2, 2]}),
    Case('cold', {}, OLD.format('cold'), {'environment': {'PYTHONHASHSEED': '7'}}),
    Case('cold again', {'dest': f'{TOP}/cold'}, '', {'environment': {'PYTHONHASHSEED': '7'}}),
    Case('template', {'src': 'SOURCE/file.j2'}, OLD.format('template'), module='template'),
    Case('template again', {'src': 'SOURCE/file.j2', 'dest': f'{TOP}/template'}, module='template'),
    Case('template in a folder', {'src': 'SOURCE/file.j2'}, "mkdir 'template in a folder'", module='template'),
    Case('template followed', {'src': 'SOURCE/file.j2', 'follow': True},
         "echo old > behind7; ln -s behind7 'template followed'", module='template'),
    Case('template checked', {'src': 'SOURCE/file.j2'}, OLD.format("'template checked'"),
         {'check_mode': True, 'diff': True}, 'template'),
    Case('template owned', {'src': 'SOURCE/file.j2', 'owner': 'plain', 'mode': '0400', 'backup': True},
         OLD.format("'template owned'"), BECOME, 'template'),
    Case('template validated', {'src': 'SOURCE/file.j2', 'validate': 'false %s'},
         OLD.format("'template validated'"), module='template'),
]  # fmt: skip
#: Line of ansible-core that is played in any case.
SHORT = '2.19'


def make_source(folder: Path, vault: list[str]) -> Path:
    folder.mkdir()
    (folder / 'file.conf').write_text('the same\n')
    (folder / 'file.conf').chmod(0o750)
    (folder / 'file.j2').write_text('{{ inventory_hostname }} has {{ 6 * 7 }}\n')
    (folder / 'vaulted').write_text('a secret\n')
    subprocess.run([*vault, folder / 'vaulted'], check=True, capture_output=True)
    (folder / 'large').write_bytes(bytes(range(256)) * 1000)
    return folder


@pytest.mark.parametrize('line', ['2.16', '2.19', '2.21'])
def test_a_file_is_copied_as_stock_does_it(line: str, farm: Farm, tmp_path: Path) -> None:
    if line != SHORT:
        need_long('a minute or two for each')

    def tasks(source: Path) -> list[dict[str, Any]]:
        return [{'name': 'ping', 'ping': {}}, *(task for case in CASES for task in case.tasks(source))]

    same_as_stock(tmp_path, make_source, tasks, line, farm)


#: Of the line in both directions together.
RTT_S = 0.4
ITEMS = 4


def round_trips(controller: Controller, host: Host, task: dict[str, Any]) -> float:
    """Of each of many like tasks, by what they take longer over a long line; the context is warm, and sees them first
    without."""
    spent = {}
    for delay_s in (0.0, RTT_S):
        with long_line(host.address, host.port, delay_s * 500) as port:
            far = {'ansible_host': LOOPBACK, 'ansible_port': port, 'ansible_ssh_common_args': UNKNOWN}
            inventory = {'target': {**host.inventory_vars('sudoer'), **connection_vars('svcfw-ssh'), **far}}
            loop = {**task, 'loop': list(range(ITEMS))}
            run = controller.play(
                inventory,
                [{'name': 'ping', 'ping': {}}, {'name': 'first', **loop}, moment('began'), loop, moment('ended')],
            )
            assert run.rc == 0, run.output
            spent[delay_s] = last_s(run)
    return (spent[RTT_S] - spent[0.0]) / ITEMS / RTT_S


@pytest.mark.parametrize('module', ['copy', 'template'])
def test_a_changed_file_takes_one_round_trip(controller: Controller, farm: Farm, tmp_path: Path, module: str) -> None:
    """And one that is as it should be takes two: one for the question, one for its attributes."""
    subprocess.run([controller.core.script('svcfw'), 'enable'], env=controller.env, check=True, capture_output=True)
    host = farm.host('target')
    (tmp_path / 'file').write_text('{{ item }}\n' if module == 'template' else 'a file\n')
    task = {module: {'src': str(tmp_path / 'file'), 'dest': f'/tmp/{module}-{{{{ item }}}}-{{{{ now() }}}}'}}
    changed = round_trips(controller, host, task)
    assert changed < 1.5, changed
    same = round_trips(controller, host, {module: {'src': str(tmp_path / 'file'), 'dest': '/tmp/same-{{ item }}'}})
    assert same < 2.5, same


def test_a_home_that_has_moved_meanwhile(controller: Controller, farm: Farm, tmp_path: Path) -> None:
    """Neither by us nor by a module that tells of it; the old place cannot be made again."""
    subprocess.run([controller.core.script('svcfw'), 'enable'], env=controller.env, check=True, capture_output=True)
    host = farm.host('target')
    ours = {**host.inventory_vars('sudoer'), **connection_vars('svcfw-ssh')}
    move = 'mv /home/sudoer /home/moved && sed -i s,/home/sudoer,/home/moved, /etc/passwd'
    copies = [{'name': f'copy {n}', 'copy': {'content': f'{n}', 'dest': f'/tmp/copied{n}'}} for n in range(3)]
    moved = {'name': 'move', 'raw': move, 'become': True, 'vars': {'ansible_connection': 'ssh'}}
    run = controller.play({'target': ours}, [copies[0], copies[1], moved, copies[2]])
    assert run.result('copy 2')['kind'] == 'ok', run.output
    assert host.path('/tmp/copied2').read_text() == '2'
    assert not host.path('/home/sudoer').exists()
