"""What is not as over stock ssh, and said so in docs/differences.md, where no other test holds it.

One play goes over each of the two connections, on a host of its own; a test looks at some of its tasks.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.ansible import Controller, Run, connection_vars
from tests.support.hosts import PASSWORD, PASSWORD_HASH, Farm, Host
from tests.support.timing import seconds, wait_until
from tests.support.venvs import need_core

SVCFW, STOCK = 'svcfw-ssh', 'ssh'
#: How the command line of a warm process begins, after the interpreter's name.
WARM = '-c import os,sys;'

Task = dict[str, Any]

#: name -> (uid, login shell)
ACCOUNTS = {
    'logged': (6901, '/bin/bash'),
    'shut': (6902, '/usr/sbin/nologin'),
    'homeless': (6903, '/bin/bash'),
    'passing': (6904, '/bin/bash'),
}
RULES = 'logged ALL=(ALL:ALL) NOPASSWD: ALL\nDefaults:logged logfile=/var/log/sudo.log\n'

INSISTS = '''
"""A become plugin that is sudo's, and says that it needs a terminal, as that of machinectl does."""
DOCUMENTATION = """
name: insists
author: svcfw
short_description: sudo on a terminal
description: see above
options:
  become_user: {description: whom, default: root}
  become_exe: {description: program, default: sudo}
  become_flags: {description: flags, default: -H -S -n}
  become_pass: {description: password}
  sudo_chdir: {description: folder}
"""
from ansible.plugins.become import sudo


class BecomeModule(sudo.BecomeModule):
    name = 'insists'
    require_tty = True
'''

WHERE = """#!/usr/bin/python
import os
import sys
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({})
module.exit_json(is_there=os.path.exists(sys.path[0]))
"""

# A Python that says it is another one, where it is given a program as an argument; modules come in files or by stdin.
OLD_PYTHON = """#!/bin/sh
test "$1" = -c || exec /usr/bin/python3 "$@"
exec /usr/bin/python3 -c 'import sys; sys.version_info = (3, 5, 9); del sys.argv[0]; exec(sys.argv[0])' "$2"
"""

# Called as sudo is; refuses as doas does, which ends the line of its prompt for a terminal that does not.
REFUSES = """#!/bin/sh
true 2>&1 3<>/dev/tty || { echo a tty is required; exit 1; }
while test "$1" != -p; do shift; done
exec 3<>/dev/tty
stty -echo <&3
printf %s "$2" >&3
read -r answer <&3
printf '\\r\\n' >&3
echo refused >&3
exit 1
"""

# The folder of a script is the temporary one.
SCRIPT = """#!/bin/sh
stat -c '%U %a' "$(dirname "$0")"
"""

FILES = {
    'become/insists.py': INSISTS,
    'library/where.py': WHERE,
    'script.sh': SCRIPT,
}


def of(user: str, name: str, **task: Any) -> Task:
    return {**task, 'name': name, 'vars': {'ansible_user': user, **task.get('vars', {})}}


def under(python: str, name: str, **task: Any) -> Task:
    return {'name': name, 'shell': 'ps -o args= -p $PPID', 'vars': {'ansible_python_interpreter': python}, **task}


AS_ROOT = {'become': True}
AS_OTHER = {'become': True, 'become_user': 'other'}
NEW_LOCALE = {'LC_TIME': 'xx_XX.UTF-8'}

TASKS: list[Task] = [
    *(of('logged', f'log {n}', command='id', **AS_ROOT) for n in range(2)),
    *(of('logged', f'parent {n}', shell='ps -o ppid= -p $PPID; ps -o args= -p $(ps -o ppid= -p $PPID)')
      for n in range(2)),
    of('logged', 'killed', shell='kill -KILL $PPID'),
    {'name': 'left', 'raw': 'ls -d /tmp/ansible_*_payload_* | wc -l'},
    {'name': 'where', 'where': {}},
    under('/opt/old/python', 'old python'),
    under('/usr/bin/python3', 'usual python'),
    # -- raw
    {'name': 'streams', 'raw': 'echo out; echo err >&2'},
    {'name': '255', 'raw': 'exit 255'},
    {'name': 'retried', 'raw': 'echo x >>/tmp/retried; exit 255', 'vars': {'ansible_ssh_retries': 1}},
    {'name': 'name of the shell', 'raw': 'x=1; echo $0 $x', **AS_ROOT, 'vars': {'ansible_become_flags': '-i -H -S -n'}},
    of('homeless', 'homeless', raw='id -un'),
    of('shut', 'shut', raw='id -un'),
    # -- become
    *({'name': f'SUDO_COMMAND {n}', 'shell': 'echo $SUDO_COMMAND', **AS_ROOT} for n in range(2)),
    of('sudopw', 'prompted', raw='echo x', **AS_ROOT, vars={'ansible_become_password': PASSWORD}),
    of('sudopw', 'refused', raw='id', **AS_ROOT,
       vars={'ansible_become_password': 'wrong', 'ansible_become_exe': '/opt/refuses'}),
    of('root', 'nobody', command='id', become=True, become_method='su', become_user='nobody-there'),
    {'name': 'insists', 'command': 'id -un', **AS_ROOT, 'become_method': 'insists'},
    {'name': 'folder', 'script': 'script.sh', **AS_OTHER},
    {'name': 'copied', 'copy': {'content': 'x', 'dest': '/home/other/copied', 'mode': '0640'}, **AS_OTHER},
    {'name': 'copied again', 'copy': {'content': 'y', 'dest': '/home/other/copied'}, **AS_OTHER},
    {'name': 'later', 'command': 'id', 'async': 20, 'poll': 1, **AS_OTHER},
    {'name': 'no folder', 'copy': {'content': 'x', 'dest': '/tmp/x'}, 'vars': {'ansible_remote_tmp': '/proc/nowhere'}},
    # -- logins
    {'name': 'grouped', 'command': 'usermod -aG games sudoer', **AS_ROOT},
    {'name': 'groups', 'command': 'id -Gn'},
    {'name': 'another key', 'command': 'id', 'vars': {'ansible_ssh_private_key_file': '/nowhere/key'}},
    of('logged', 'another password', command='id',
       vars={'ansible_ssh_private_key_file': '', 'ansible_password': 'wrong'}),
    of('logged', 'parents killed', shell='kill -KILL $(ps -o ppid= -p $PPID) $PPID'),
    of('logged', 'after that', command='id -un'),
    {'name': 'locale', 'raw': 'sudo mkdir /usr/lib/locale/xx_XX.UTF-8'},
    *(under('/usr/bin/python3', f'new locale {n}', environment=NEW_LOCALE) for n in range(2)),
    {'meta': 'reset_connection'},
    under('/usr/bin/python3', 'new context', environment=NEW_LOCALE),
    # -- what stays
    {'name': 'goes on', 'command': 'sleep 1001', 'async': 1100, 'poll': 0},
    {'name': 'used', 'command': 'id -un', 'become': True, 'become_user': 'passing'},
    {'name': 'removed', 'command': 'sh /opt/remove', **AS_ROOT},
]  # fmt: skip


class Played(NamedTuple):
    """What became of the play over one connection: the run, and its host, which is still there."""

    run: Run
    host: Host

    def kind(self, task: str) -> str:
        return str(self.run.result(task)['kind'])

    def result(self, task: str) -> dict[str, Any]:
        found: dict[str, Any] = self.run.result(task)['result']
        return found

    def stdout(self, task: str) -> str:
        return str(self.result(task)['stdout'])


@pytest.fixture(scope='module')
def played(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Played]]:
    """The play over each connection, each run ended, and with it what it has started that is meant to end."""
    made = {}
    for connection in (SVCFW, STOCK):
        folder = tmp_path_factory.mktemp(connection)
        for name, text in FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        env = {'ANSIBLE_BECOME_PLUGINS': str(folder / 'become'), 'ANSIBLE_LIBRARY': str(folder / 'library')}
        host = prepared(farm)
        with Controller(need_core('2.19'), folder, env) as controller:
            controller.trust(host)
            variables = {**host.inventory_vars('sudoer'), **connection_vars(connection)}
            variables['ansible_python_interpreter'] = '/usr/bin/python3'
            tasks = [task if 'meta' in task else {'ignore_errors': True, 'ignore_unreachable': True, **task}
                     for task in TASKS]  # fmt: skip
            run = controller.play({'target': variables}, tasks)
        made[connection] = Played(run, host)
        assert run.rc == 0, run.output
    yield made
    for each in made.values():
        each.host.stop()


def prepared(farm: Farm) -> Host:
    host = farm.host()
    for name, (uid, shell) in ACCOUNTS.items():
        for file, line in (('passwd', f'{uid}:{uid}::/home/{name}:{shell}'), ('group', f'{uid}:')):
            append(host.path(f'/etc/{file}'), f'{name}:x:{line}\n')
        append(host.path('/etc/shadow'), f'{name}:{PASSWORD_HASH}:19000:0:99999:7:::\n')
        if name != 'homeless':
            host.path(f'/home/{name}').mkdir()
            shutil.chown(host.path(f'/home/{name}'), uid, uid)
    for path, text, mode in (
        ('/etc/sudoers.d/logged', RULES, 0o440),
        ('/opt/old/python', OLD_PYTHON, 0o755),
        ('/opt/refuses', REFUSES, 0o755),
        ('/opt/remove', 'userdel passing\n', 0o644),
    ):
        host.path(path).parent.mkdir(exist_ok=True)
        host.path(path).write_text(text)
        host.path(path).chmod(mode)
    host.remember_state()
    return host


def append(path: Path, text: str) -> None:
    with path.open('a') as file:
        file.write(text)


# -- become ----------------------------------------------------------------------------------------------------------


def test_sudo_logs_a_context_and_not_each_task(played: dict[str, Played]) -> None:
    logs = {name: each.host.path('/var/log/sudo.log').read_text() for name, each in played.items()}
    assert {name: log.count('COMMAND=') for name, log in logs.items()} == {SVCFW: 1, STOCK: 2}


def test_sudo_command_is_what_started_the_context(played: dict[str, Played]) -> None:
    commands = {name: {each.stdout(f'SUDO_COMMAND {n}') for n in range(2)} for name, each in played.items()}
    assert {name: len(found) for name, found in commands.items()} == {SVCFW: 1, STOCK: 2}
    assert all('AnsiballZ_command.py' in command for command in commands[STOCK])
    assert not any('AnsiballZ' in command for command in commands[SVCFW])


def test_the_line_end_after_a_password_is_in_no_output(played: dict[str, Played]) -> None:
    assert {name: each.stdout('prompted') for name, each in played.items()} == {SVCFW: 'x\r\n', STOCK: '\r\nx\r\n'}


def test_a_line_end_of_two_characters_is_one(played: dict[str, Played]) -> None:
    """As doas writes it to a terminal that would make two of one."""
    refusals = {name: each.stdout('refused') for name, each in played.items()}
    assert refusals == {SVCFW: '\r\nrefused\r\n', STOCK: '\r\r\nrefused\r\n'}


def test_an_account_that_is_not_there_is_refused_in_the_words_of_the_command(played: dict[str, Played]) -> None:
    assert 'Failed to change ownership of the temporary files' in played[STOCK].result('nobody')['msg']
    ours = played[SVCFW].result('nobody')
    assert ours['module_stdout'].startswith('su: user nobody-there does not exist')
    assert ours['rc'] == 1


def test_a_method_that_needs_a_terminal_has_one(played: dict[str, Played]) -> None:
    assert 'does not provide a TTY' in played[STOCK].result('insists')['msg']
    assert played[SVCFW].stdout('insists') == 'root'


def test_a_temporary_folder_of_another_account_is_its_own(played: dict[str, Played]) -> None:
    assert played[SVCFW].stdout('folder').strip() == 'other 700'
    # Of the login; or, without setfacl, stock does not get there.
    assert not str(played[STOCK].result('folder').get('stdout')).startswith('other')


def test_an_async_task_of_another_account_leaves_no_folder(played: dict[str, Played]) -> None:
    def left(name: str) -> list[Path]:
        return list(played[name].host.path('/var/tmp').glob('ansible-tmp-*'))

    wait_until(lambda: not left(SVCFW), seconds(10), 'the end of the wrapper')
    assert left(STOCK) or played[STOCK].kind('later') != 'ok'


def test_a_file_that_another_account_copies_keeps_its_mode(played: dict[str, Played]) -> None:
    assert played[SVCFW].result('copied again')['mode'] == '0640'
    # Where setfacl works. Without it, stock does not get there.
    assert played[STOCK].result('copied again').get('mode') in ('0650', None)


def test_the_login_shell_expands_nothing_before(played: dict[str, Played]) -> None:
    shells = {name: each.stdout('name of the shell').strip() for name, each in played.items()}
    assert shells == {SVCFW: '/bin/sh 1', STOCK: '-bash'}


# -- processes -------------------------------------------------------------------------------------------------------


def test_modules_are_forks_of_one_process(played: dict[str, Played]) -> None:
    """The parent of a module is the same process for each task; over stock ssh it is a shell of the login's."""
    parents = {name: {each.stdout(f'parent {n}') for n in range(2)} for name, each in played.items()}
    assert {name: len(found) for name, found in parents.items()} == {SVCFW: 1, STOCK: 2}
    assert WARM in parents[SVCFW].pop()


def test_a_module_that_kills_its_parents_loses_no_host(played: dict[str, Played]) -> None:
    assert {name: each.kind('parents killed') for name, each in played.items()} == {
        SVCFW: 'ignored', STOCK: 'unreachable',
    }  # fmt: skip
    assert played[SVCFW].stdout('after that') == 'logged'


def test_a_module_that_is_killed_is_told_of_by_no_shell_and_leaves_nothing(played: dict[str, Played]) -> None:
    for name, said, left in ((SVCFW, '', '0'), (STOCK, 'Killed\r\n', '1')):
        result = played[name].result('killed')
        assert (result['rc'], result['module_stdout']) == (137, said)
        assert played[name].result('left')['stdout_lines'][-1] == left


def test_the_members_of_a_module_are_in_memory(played: dict[str, Played]) -> None:
    assert {name: each.result('where')['is_there'] for name, each in played.items()} == {SVCFW: False, STOCK: True}


def test_a_python_that_is_too_old_to_be_kept_warm_is_started_for_each_module(played: dict[str, Played]) -> None:
    assert WARM in played[SVCFW].stdout('usual python')
    assert WARM not in played[SVCFW].stdout('old python')


def test_a_locale_that_was_made_meanwhile_takes_a_new_process_until_the_context_ends(played: dict[str, Played]) -> None:
    ours = played[SVCFW]
    assert [WARM in ours.stdout(task) for task in ('new locale 0', 'new locale 1', 'new context')] == [
        False, False, True,
    ]  # fmt: skip


def test_async_jobs_go_on(played: dict[str, Played]) -> None:
    for each in played.values():
        wait_until(lambda host=each.host: 'sleep 1001' in host.processes(), seconds(10), 'the job runs')


def test_a_script_that_does_not_name_the_account_finds_it_in_use(played: dict[str, Played]) -> None:
    assert played[STOCK].kind('removed') == 'ok'
    assert played[SVCFW].kind('removed') == 'ignored'
    assert 'user passing is currently used by process' in played[SVCFW].result('removed')['stderr']


# -- logins and ssh --------------------------------------------------------------------------------------------------


def test_groups_count_from_the_next_task_on(played: dict[str, Played]) -> None:
    """Which a master of ssh's, with the login of the first task, does not know of."""
    groups = {name: each.stdout('groups') for name, each in played.items()}
    assert groups == {SVCFW: 'sudoer games', STOCK: 'sudoer'}


@pytest.mark.parametrize('task', ['another key', 'another password'])
def test_other_credentials_do_not_find_the_connection_that_is_there(played: dict[str, Played], task: str) -> None:
    assert {name: each.kind(task) for name, each in played.items()} == {SVCFW: 'unreachable', STOCK: 'ok'}


def test_ssh_says_nothing_of_a_shared_connection(played: dict[str, Played]) -> None:
    said = {name: each.result('streams')['stderr'] for name, each in played.items()}
    assert said[SVCFW] == ''
    assert said[STOCK].startswith('Shared connection to ')


def test_the_status_255_is_the_commands_own(played: dict[str, Played]) -> None:
    assert (played[SVCFW].kind('255'), played[SVCFW].result('255')['rc']) == ('ignored', 255)
    assert played[STOCK].kind('255') == 'unreachable'


def test_a_command_that_ends_with_255_is_not_run_again(played: dict[str, Played]) -> None:
    times = {name: len(each.host.path('/tmp/retried').read_text().split()) for name, each in played.items()}
    assert times == {SVCFW: 1, STOCK: 2}


def test_an_account_whose_shell_runs_nothing_is_unreachable(played: dict[str, Played]) -> None:
    assert (played[STOCK].kind('shut'), played[STOCK].result('shut')['rc']) == ('ignored', 1)
    assert played[SVCFW].kind('shut') == 'unreachable'
    assert 'This account is currently not available' in played[SVCFW].result('shut')['msg']


def test_that_there_is_no_home_is_in_no_output(played: dict[str, Played]) -> None:
    assert played[STOCK].stdout('homeless').startswith('Could not chdir to home directory /home/homeless')
    assert played[SVCFW].stdout('homeless') == 'homeless\r\n'


# -- files and output ------------------------------------------------------------------------------------------------


def test_where_nothing_is_put_there_is_no_temporary_folder(played: dict[str, Played]) -> None:
    made = {name: '/home/logged/.ansible/tmp' in each.host.changes() for name, each in played.items()}
    assert made == {SVCFW: False, STOCK: True}


def test_why_there_can_be_no_temporary_folder_is_told(played: dict[str, Played]) -> None:
    for each in played.values():
        assert each.kind('no folder') == 'unreachable'
    assert played[STOCK].result('no folder')['msg'].endswith('exited with result 1')
    assert "stderr output: mkdir: cannot create directory '/proc/nowhere'" in played[SVCFW].result('no folder')['msg']
