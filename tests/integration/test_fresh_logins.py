"""Each task has the environment that a login would have then, as with stock ssh; on this machine, that of its run."""

import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.ansible import Controller, Run, connection_vars
from tests.support.hosts import Farm, Host
from tests.support.sshd import descendants

Task = dict[str, Any]
# Names that tell of a connection and not of the account, and what a shell says of itself.
OF_A_CONNECTION = {'SSH_CLIENT', 'SSH_CONNECTION', 'SSH_TTY', 'SHLVL', '_', 'OLDPWD', 'TERM', 'PWD'}
# What sudo was asked to run is another command by its nature: it starts a context.
OF_A_COMMAND = {'SUDO_COMMAND'}
SEE = {'name': 'see', 'setup': {'gather_subset': ['!all', '!min', 'env']}}
SEE_RAW = {'name': 'raw', 'raw': 'env'}


class Pair:
    """Two hosts alike, one over stock ssh, logged in to as one account."""

    def __init__(self, controller: Controller, farm: Farm, user: str = 'sudoer') -> None:
        self.controller = controller
        self.hosts: dict[str, Host] = {name: farm.host('twin') for name in ('stock', 'svcfw')}
        controller.trust(*self.hosts.values())
        # Stock without a master: as each of its tasks would find it that has a login of its own.
        self.inventory = {
            'stock': {
                **self.hosts['stock'].inventory_vars(user), 'ansible_pipelining': True,
                'ansible_ssh_args': '-o ControlMaster=no -o ControlPath=none',
            },
            'svcfw': {
                **self.hosts['svcfw'].inventory_vars(user), **connection_vars('svcfw-ssh'),
            },
        }  # fmt: skip
        for variables in self.inventory.values():
            variables['ansible_python_interpreter'] = '/usr/bin/python3'

    def add(self, words: str) -> None:
        """More arguments for ssh."""
        for variables in self.inventory.values():
            variables['ansible_ssh_common_args'] = f'{variables["ansible_ssh_common_args"]} {words}'

    def run(self, tasks: Sequence[Task], **keywords: Any) -> Run:
        return self.controller.play(self.inventory, tasks, '-v', **keywords)

    def assert_alike(self, tasks: Sequence[Task], **keywords: Any) -> list[dict[str, str]]:
        """Run the tasks on both; each `see` saw the same environment. Returns what they saw."""
        run = self.run(tasks, **keywords)
        assert run.rc == 0, run.output
        seen = {name: [environment(event) for event in run.results('see', name)] for name in self.hosts}
        for ours, theirs in zip(seen['svcfw'], seen['stock'], strict=True):
            assert ours == theirs, run.output
        return seen['svcfw']


def environment(event: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = event['result']['ansible_facts']['ansible_env']
    return {name: value for name, value in found.items() if name not in OF_A_CONNECTION | OF_A_COMMAND}


def put(path: str, line: str, **keywords: Any) -> Task:
    return {'name': 'put', 'lineinfile': {'path': path, 'line': line, 'create': True, 'mode': '0644'}, **keywords}


@pytest.fixture
def pair(controller: Controller, farm: Farm) -> Pair:
    return Pair(controller, farm)


def test_a_line_in_bashrc_is_seen_by_the_next_module(pair: Pair) -> None:
    seen = pair.assert_alike([
        SEE,
        put('/home/sudoer/.bashrc', 'export TOOLS=1 PATH=~/.cargo/bin:$PATH; . ~/.tools'), SEE,
        put('/home/sudoer/.tools', 'export FROM_TOOLS=2'), SEE,
        put('/home/sudoer/.tools', 'export FROM_TOOLS=3'), SEE, SEE,
    ])  # fmt: skip
    assert [each.get('TOOLS') for each in seen] == [None, '1', '1', '1', '1']
    assert [each.get('FROM_TOOLS') for each in seen] == [None, None, '2', '3', '3']


def test_profile_d_where_bashrc_reads_it(pair: Pair) -> None:
    seen = pair.assert_alike([
        put('/home/sudoer/.bashrc', '[ -f /etc/bashrc ] && . /etc/bashrc'),
        put('/etc/bashrc', 'for i in /etc/profile.d/*.sh; do . "$i"; done', become=True), SEE,
        put('/etc/profile.d/zz_rbenv.sh', 'export RBENV_ROOT=/opt/rbenv', become=True), SEE,
    ])  # fmt: skip
    assert [each.get('RBENV_ROOT') for each in seen] == [None, '/opt/rbenv']


def test_commands_and_other_accounts_see_it_too(pair: Pair) -> None:
    keep = put('/etc/sudoers.d/keep', 'Defaults env_keep += "TOOLS"', become=True)
    keep['lineinfile'] |= {'mode': '0440'}
    seen = pair.assert_alike([
        keep, {**SEE, 'become': True},
        put('/home/sudoer/.bashrc', 'export TOOLS=1'), {**SEE, 'become': True}, SEE,
        {'name': 'raw', 'raw': 'test "$TOOLS" = 1'}, {'name': 'command', 'shell': 'test "$TOOLS" = 1'},
        {'name': 'sent', 'copy': {'content': 'x', 'dest': '/home/sudoer/file', 'mode': '0600'}},
    ])  # fmt: skip
    assert [each.get('TOOLS') for each in seen] == [None, '1', '1']


def test_a_login_shell_of_another_account(pair: Pair) -> None:
    as_root = {**SEE, 'become': True, 'vars': {'ansible_become_flags': '-i -H -S -n'}}
    seen = pair.assert_alike([
        as_root, put('/root/.profile', 'export OF_ROOT=1', become=True), as_root,
        put('/etc/profile.d/zz_all.sh', 'export OF_ALL=1', become=True), as_root,
    ])  # fmt: skip
    assert [(each.get('OF_ROOT'), each.get('OF_ALL')) for each in seen] == [(None, None), ('1', None), ('1', '1')]


@pytest.mark.parametrize(
    ('shell', 'path', 'line'),
    [('zsh', '.zshenv', 'export TOOLS=1'), ('fish', '.config/fish/conf.d/t.fish', 'set -gx TOOLS 1'),
     ('tcsh', '.cshrc', 'setenv TOOLS 1')],
)  # fmt: skip
def test_other_shells(pair: Pair, shell: str, path: str, line: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f'no {shell} on this machine')
    folder = os.path.dirname(f'/home/sudoer/{path}')
    seen = pair.assert_alike([
        {'name': 'shell', 'command': f'usermod -s {program} sudoer', 'become': True}, SEE,
        {'name': 'folder', 'file': {'path': folder, 'state': 'directory', 'mode': '0755'}},
        put(f'/home/sudoer/{path}', line), SEE,
    ])  # fmt: skip
    assert [each.get('TOOLS') for each in seen] == [None, '1']


def test_nothing_is_made_anew_while_nothing_changes(pair: Pair) -> None:
    who = {'name': 'who', 'command': 'sh -c "echo $SSH_CONNECTION"'}
    change = put('/home/sudoer/.bashrc', 'export TOOLS=1')
    run = pair.run([who, put('/home/sudoer/other', 'x'), who, change, change, who, who])
    ours = [event['result']['stdout'] for event in run.results('who', 'svcfw')]
    assert ours[0] == ours[1] != ours[2] == ours[3]


def accept(pair: Pair) -> None:
    """Have sshd take some variables, as it does by default on Debian, from a new sshd."""
    for host in pair.hosts.values():
        path = host.path('/etc/ssh/svcfw/sshd_config')
        path.write_text(path.read_text() + 'AcceptEnv LANG LC_* COLOUR\n')
        os.kill(descendants(host.pid)[0], signal.SIGHUP)


def test_a_second_run_sends_its_own_variables(pair: Pair) -> None:
    accept(pair)
    pair.add('-o "SendEnv=LC_* COLOUR"')
    ours = []
    for environ in ({'COLOUR': 'red', 'LC_TIME': 'C'}, {'COLOUR': 'blue'}, {'OTHER': 'x'}, {'COLOUR': 'red'}):
        kept = dict(pair.controller.env)
        pair.controller.env |= environ
        (seen,) = pair.assert_alike([SEE])
        pair.controller.env = kept
        ours.append((seen.get('COLOUR'), seen.get('LC_TIME'), seen.get('OTHER')))
    assert ours == [('red', 'C', None), ('blue', None, None), (None, None, None), ('red', None, None)]


def test_here_a_run_has_its_own_environment_and_folder(controller: Controller, tmp_path: Path) -> None:
    tasks = [
        {'name': 'see', 'setup': {'gather_subset': ['!all', '!min', 'env']}},
        {'name': 'where', 'command': 'pwd'},
        {'name': 'raw', 'raw': 'pwd; echo $COLOUR'},
        {'name': 'nothing', 'raw': '', 'ignore_errors': True},
    ]
    inventory = {
        'svcfw': {'ansible_connection': 'svcfw.svcfw.svcfw', 'ansible_svcfw_transport': 'local'},
        'stock': {'ansible_connection': 'local'},
    }
    for variables in inventory.values():
        variables['ansible_python_interpreter'] = '/usr/bin/python3'
    for number, environ in enumerate(({'COLOUR': 'red', 'ONLY': '1'}, {'COLOUR': 'blue'})):
        with_it = Controller(controller.core, tmp_path / f'run-{number}', {**controller.env, **environ})
        with_it.runtime.rmdir()  # both have the other one's multiplexer
        with_it.env['XDG_RUNTIME_DIR'] = controller.env['XDG_RUNTIME_DIR']
        with_it.env['SVCFW_COLLECT'] = str(with_it.directory / 'events.jsonl')
        # Commands run in the playbook's folder, and not where ansible-playbook was started.
        (with_it.directory / 'plays').mkdir()
        play = with_it.write_play(tasks).rename(with_it.directory / 'plays' / 'play.yml')
        run = with_it.run(play, inventory)
        assert run.rc == 0, run.output
        seen = {name: environment(run.result('see', name)) for name in inventory}
        assert seen['svcfw'] == seen['stock']
        assert seen['svcfw']['COLOUR'] == environ['COLOUR']
        folders = [
            run.result('see', name)['result']['ansible_facts']['ansible_env'].get('PWD') for name in ('svcfw', 'stock')
        ]
        assert folders == [str(play.parent)] * 2
        for name in ('where', 'raw'):
            ours, theirs = (run.result(name, host)['result']['stdout'] for host in ('svcfw', 'stock'))
            assert ours.split() == theirs.split()
        # Of stock's own making; here it is a command as over ssh, which no shell knows.
        assert "'NoneType' object" in run.result('nothing', 'stock')['result']['msg']
        assert run.result('nothing', 'svcfw')['result']['rc'] == 127
