"""`copy` of folders over svcfw gives what it gives over stock ssh: results, files, modes, owners."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.copying import TOP, same_as_stock, steps
from tests.support.ansible import Controller, connection_vars
from tests.support.hosts import Farm
from tests.support.need import need_long

pytestmark = pytest.mark.slow

#: What tells that stock did it after all.
FALLBACK = 'svcfw: copy: file by file'


@dataclass(frozen=True)
class Case:
    """A copy of a folder with these arguments; before it, `prepare` runs on the target."""

    name: str
    arguments: dict[str, Any]
    prepare: str = ''
    keywords: dict[str, Any] | None = None
    is_plain: bool = True

    def tasks(self, source: Path) -> list[dict[str, Any]]:
        arguments = {'src': f'{source}/tree/', 'dest': f'{TOP}/{self.name}', **self.arguments}
        arguments['src'] = arguments['src'].replace('SOURCE', str(source))
        return steps(self.name, self.prepare, {'copy': arguments, **(self.keywords or {})})


HALF = 'mkdir -p {0}/a; echo old > {0}/a/one; echo old > {0}/extra; chmod 600 {0}/a/one; chmod 700 {0}/a'
CASES = [
    Case('new', {}),
    Case('again', {'dest': f'{TOP}/new'}),
    Case('named', {'src': 'SOURCE/tree', 'mode': '0640', 'directory_mode': '0750'}),
    Case('deep', {'dest': f'{TOP}/deep/er/and/deeper', 'directory_mode': 'u=rwx,g=rx,o='}),
    Case('preserved', {'mode': 'preserve', 'directory_mode': '0700'}),
    Case('preserved again', {'mode': 'preserve', 'dest': f'{TOP}/preserved', 'directory_mode': '0711'}),
    Case('symbolic', {'mode': 'u=rw,g=r,o='}),
    Case('owned', {'owner': 'plain', 'group': 'other', 'mode': '0604'}, keywords={'become': True}),
    Case('owned again', {'dest': f'{TOP}/owned', 'owner': 'plain', 'group': 'plain'}, keywords={'become': True}),
    Case('half', {'mode': '0644'}, HALF.format('half')),
    Case('half no mode', {'directory_mode': '0755'}, HALF.format("'half no mode'")),
    Case('checked', {}, keywords={'check_mode': True}),
    Case('checked half', {'mode': '0644'}, HALF.format("'checked half'"), {'check_mode': True}),
    Case('checked same', {'dest': f'{TOP}/new'}, keywords={'check_mode': True}),
    Case('checked modes', {'dest': f'{TOP}/new', 'mode': '0600'}, keywords={'check_mode': True}),
    Case('remote', {'src': f'{TOP}/new/', 'remote_src': True}),
    Case('shown', {}, HALF.format('shown'), {'diff': True}),
    Case('home', {'dest': '~/copied/home'}),
    Case('links', {'src': 'SOURCE/links/', 'local_follow': False}),
    Case('links again', {'src': 'SOURCE/links/', 'local_follow': False, 'dest': f'{TOP}/links'}),
    Case('links checked', {'src': 'SOURCE/links/', 'local_follow': False}, keywords={'check_mode': True}),
    Case('links followed', {'src': 'SOURCE/links/'}),
    Case('links turned', {'src': 'SOURCE/links/', 'local_follow': False},
         "mkdir 'links turned'; ln -s elsewhere 'links turned/link'", is_plain=False),
    Case('loop', {'src': 'SOURCE/loop/'}),
    Case('empty', {'src': 'SOURCE/empty/', 'directory_mode': '0750'}),
    Case('nothing', {'src': 'SOURCE/nothing/'}),
    Case('vaulted', {'src': 'SOURCE/vaulted/', 'mode': '0600'}),
    Case('single', {'src': 'SOURCE/single/'}, is_plain=False),
    Case('not forced', {'force': False}, HALF.format("'not forced'"), is_plain=False),
    Case('backed up', {'backup': True}, HALF.format("'backed up'"), is_plain=False),
    Case('validated', {'validate': 'grep -v never %s'}, is_plain=False),
    Case('for another', {'dest': '/tmp/another'}, keywords={'become': True, 'become_user': 'plain'}, is_plain=False),
    Case('odd names', {'src': 'SOURCE/odd/'}, is_plain=False),
    Case('through a link', {}, "mkdir else 'through a link'; ln -s ../else 'through a link/a'", is_plain=False),
    Case('over a link', {}, "mkdir -p 'over a link/a'; ln -s /etc/hostname 'over a link/a/one'", is_plain=False),
    Case('hard', {}, 'mkdir -p hard/a; echo old > hard/a/one; ln hard/a/one hard/other', is_plain=False),
    Case('a folder in the way', {}, "mkdir -p 'a folder in the way/a/one'", is_plain=False),
    Case('a file in the way', {}, "mkdir 'a file in the way'; echo > 'a file in the way/a'", is_plain=False),
    Case('nobody', {'owner': 'nobody-has-it'}, is_plain=False),
    Case('not mine', {'owner': 'plain'}, is_plain=False),
    Case('attributes', {'attributes': '+A'}, is_plain=False),
    Case('not allowed', {'dest': '/etc'}, is_plain=False),
    Case('a wrong mode', {'mode': 'rubbish'}, is_plain=False),
]  # fmt: skip
#: Line of ansible-core and part that are played in any case.
SHORT = ('2.19', 'short')
#: Each with what it needs of the ones before it.
PARTS = {'short': CASES[:8], 'plain': CASES[:16], 'odd': CASES[16:]}


def make_source(folder: Path, vault: list[str]) -> Path:
    """Folders of all kinds."""
    tree = folder / 'tree'
    for name in ('a', 'a/below', 'a/empty', 'b'):
        (tree / name).mkdir(parents=True)
    for name, mode in (('a/one', 0o644), ('a/below/two', 0o755), ('b/\u00e9 three', 0o600), ('four.txt', 0o666)):
        (tree / name).write_text(f'content of {name}\n' * 100)
        (tree / name).chmod(mode)
    (tree / 'b' / 'none').touch(0o640)
    (tree / 'b' / 'same').write_text((tree / 'a' / 'one').read_text())
    links = folder / 'links'
    (links / 'real').mkdir(parents=True)
    (links / 'real' / 'file').write_text('linked\n')
    (links / 'other').write_text('other\n')
    for name, target in (('link', 'real/file'), ('dir', 'real'), ('dangling', 'nowhere')):
        (links / name).symlink_to(target)
    loop = folder / 'loop'
    (loop / 'a').mkdir(parents=True)
    for name in ('a/one', 'two'):
        (loop / name).write_text(name)
    (loop / 'a' / 'up').symlink_to('..')
    (folder / 'empty' / 'a' / 'b').mkdir(parents=True)
    (folder / 'empty' / 'c').mkdir()
    (folder / 'nothing').mkdir()
    (folder / 'vaulted').mkdir()
    for name in ('secret', 'open'):
        (folder / 'vaulted' / name).write_text(f'{name}\n')
    subprocess.run([*vault, folder / 'vaulted' / 'secret'], check=True, capture_output=True)
    (folder / 'single').mkdir()
    (folder / 'single' / 'file').write_text('alone\n')
    (folder / 'odd').mkdir()
    for name in ('$HOME', '~', 'new\nline'):
        (folder / 'odd' / name).write_text('odd\n')
    return folder


@pytest.mark.parametrize('line', ['2.16', '2.19', '2.21'])
@pytest.mark.parametrize('part', PARTS)
def test_folders_are_copied_as_stock_does_it(line: str, part: str, farm: Farm, tmp_path: Path) -> None:
    if (line, part) != SHORT:
        need_long('a minute or two for each')
    cases = PARTS[part]
    ours = same_as_stock(
        tmp_path, make_source, lambda source: [task for case in cases for task in case.tasks(source)], line, farm
    )
    sections = {text.partition(']')[0]: text for text in ours.output.split('TASK [')}
    assert {case.name for case in cases if FALLBACK not in sections[case.name]} == {
        case.name for case in cases if case.is_plain
    }


@pytest.mark.parametrize(
    ('has_links', 'names'),
    [
        (False, {'svcfw.svcfw.copy': True, 'copy': False}),
        (True, {'copy': True, 'ansible.builtin.copy': False, 'ansible.legacy.copy': True}),
        (True, {'ansible.builtin.copy': False, 'copy': True}),
    ],
)
def test_what_it_is_called(
    controller: Controller, farm: Farm, tmp_path: Path, has_links: bool, names: dict[str, bool]
) -> None:
    """Names of the action, in an order, and whether they stand for ours."""
    if has_links:
        subprocess.run([controller.core.script('svcfw'), 'enable'], env=controller.env, check=True, capture_output=True)
    host = farm.host('target')
    controller.trust(host)
    source = tmp_path / 'source'
    source.mkdir()
    for number in range(3):
        (source / str(number)).write_text(f'{number}\n')
    tasks = [{'name': name, name: {'src': f'{source}/', 'dest': f'/tmp/{name}'}} for name in names]
    run = controller.play({'target': {**host.inventory_vars(), **connection_vars('svcfw-ssh')}}, tasks, '-vvv')
    host.stop()
    assert run.rc == 0, run.output
    assert FALLBACK not in run.output
    sections = {text.partition(']')[0]: text for text in run.output.split('TASK [')[1:]}
    # In one run, which fetches what it lacks.
    assert {name: sections[name].count('svcfw_copy_tree.py') for name in names} == names
    assert all(run.result(name)['result']['changed'] for name in names)
