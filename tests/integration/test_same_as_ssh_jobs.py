"""What runs on a target, as whom, where and with what: as over stock ssh, on hosts made for what differed."""

import tarfile
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.support.ansible import Controller, Run, connection_vars
from tests.support.compare import differences
from tests.support.hosts import PASSWORD, Farm, Host
from tests.support.payloads import LIBRARY
from tests.support.timing import seconds, wait_until

pytestmark = pytest.mark.slow

Tasks = Sequence[dict[str, Any]]
Prepare = Callable[[Host], None]

TERMINAL = 'echo $0 "[$TERM]"; test "$SSH_TTY" = "$(tty)" && echo same; stty size'
# AnsibleModule leaves a folder that it may not read for one with a random name.
PWD = 'pwd | sed s/moduletmp.*//; id -un'
AS_OTHER = {'become': True, 'become_user': 'other'}


@pytest.fixture
def controller(controller: Controller) -> Controller:
    controller.env['TERM'] = 'xterm-256color'
    controller.env['ANSIBLE_LIBRARY'] = str(LIBRARY)
    # Stock gives modules a terminal without it, which ours never do; and is slow.
    controller.env['ANSIBLE_PIPELINING'] = '1'
    return controller


def named(*tasks: dict[str, Any]) -> list[dict[str, Any]]:
    """Tasks that go on after a failure, which is compared too."""
    return [{'name': f'{number}', 'ignore_errors': True, **task} for number, task in enumerate(tasks)]


def private_home(host: Host) -> None:
    for home in ('/home/sudoer', '/root'):
        host.path(home).chmod(0o700)


def play(
    controller: Controller,
    farm: Farm,
    connection: str,
    users: Sequence[str],
    tasks: Tasks,
    prepare: Prepare,
    *args: str,
) -> tuple[Host, Run]:
    """A new host, prepared, and what `tasks` gave there over `connection` as each of the users."""
    host = farm.host('target')
    prepare(host)
    host.remember_state()
    controller.trust(host)
    common = {
        **connection_vars(connection),
        'ansible_become_password': PASSWORD,
        # One that every account may run.
        'ansible_svcfw_python': '/usr/bin/python3',
        'ansible_python_interpreter': '/usr/bin/python3',
    }
    run = controller.play({user: {**host.inventory_vars(user), **common} for user in users}, tasks, *args, serial=1)
    return host, run


def assert_same(
    controller: Controller, farm: Farm, tasks: Tasks, *, users: Sequence[str] = ('sudoer',), prepare: Prepare = print
) -> Run:
    """The same over stock ssh and over svcfw; returns the latter."""
    _, stock = play(controller, farm, 'ssh', users, tasks, prepare)
    _, ours = play(controller, farm, 'svcfw-ssh', users, tasks, prepare, '-v')
    found = differences(stock, ours)
    assert not found, '\n'.join(found) + ours.output[-6000:]
    return ours


def test_commands_that_close_their_streams_before_they_end(controller: Controller, farm: Farm) -> None:
    commands = ['rm -f /tmp/nope', 'touch /tmp/m && mv /tmp/m /tmp/mm', 'cp /etc/hosts /tmp/c', 'touch /tmp/t']
    tasks = [{'name': text, 'raw': text, 'loop': list(range(30))} for text in commands]
    _, run = play(controller, farm, 'svcfw-ssh', ['plain'], tasks, lambda host: None)
    assert run.rc == 0, run.output


def test_what_a_command_leaves_in_the_background_goes_on(controller: Controller, farm: Farm) -> None:
    leave = (
        'setsid sh -c "sleep 0.1; touch /tmp/{{ item }}" </dev/null >/dev/null 2>&1 &',
        'sleep 5{{ item }} & sleep 0',
    )
    become = {'become': True, 'loop': list(range(5))}
    su = {'become_method': 'su', 'vars': {'ansible_become_password': PASSWORD}, 'become_user': 'other'}
    tasks = named(*({'raw': text, **become} for text in leave), {'raw': 'sleep 60 & sleep 0', 'become': True, **su})
    for connection in ('ssh', 'svcfw-ssh'):
        host, run = play(controller, farm, connection, ['sudoer'], tasks, lambda host: None)
        assert run.rc == 0, run.output
        made = [host.path(f'/tmp/{number}') for number in range(5)]
        wait_until(
            lambda made=made: all(path.exists() for path in made), seconds(10), f'all were made over {connection}'
        )
        processes = host.processes()
        assert [f'sleep 5{number}' in processes for number in range(5)] == [True] * 5, (connection, processes)
        assert 'sleep 60' in processes, (connection, processes)


def test_a_terminal_and_a_shell_are_those_of_sshd(controller: Controller, farm: Farm) -> None:
    script = controller.directory / 'script.sh'
    script.write_text(f'#!/bin/sh\n{TERMINAL.replace("$0", "x")}\n')

    def shells(host: Host) -> None:
        accounts = host.path('/etc/passwd')
        lines = accounts.read_text().splitlines()
        shell = {'plain': '/bin/sh', 'other': '/usr/bin/zsh'}
        changed = [
            line.rsplit(':', 1)[0] + f':{shell[name]}' if (name := line.split(':')[0]) in shell else line
            for line in lines
        ]
        accounts.write_text('\n'.join(changed) + '\n')

    become = {'become': True, 'when': 'ansible_user == "sudoer"'}
    tasks = named(
        {'raw': TERMINAL},
        {'raw': 'nonesuch'},
        {'raw': TERMINAL, 'args': {'executable': '/bin/bash'}},
        {'script': str(script)},
        {'raw': TERMINAL, **become},
        # There sudo has the login shell expand it once more.
        {'raw': TERMINAL.replace('$0', 'x'), **become, 'become_flags': '-i'},
        {'raw': 'echo "[$TERM] ${SSH_TTY:+has one}"', **become, 'become_flags': '-E'},
        {'script': str(script), **become},
        {'raw': TERMINAL, 'vars': {'ansible_ssh_use_tty': False}},
    )
    ours = assert_same(controller, farm, tasks, users=['plain', 'other', 'sudoer'], prepare=shells)
    assert [ours.result('0', user)['result']['stdout_lines'][:2] for user in ('plain', 'other', 'sudoer')] == [
        ['sh [xterm-256color]', 'same'], ['zsh [xterm-256color]', 'same'], ['bash [xterm-256color]', 'same'],
    ]  # fmt: skip


def test_without_a_terminal_at_the_controller(controller: Controller, farm: Farm) -> None:
    del controller.env['TERM']
    assert_same(controller, farm, named({'raw': 'echo "[$TERM]"'}))


def test_an_account_that_may_not_enter_the_folder_of_the_login(controller: Controller, farm: Farm) -> None:
    (controller.directory / 'script.sh').write_text('#!/bin/sh\npwd\nid -un\n')
    script = str(controller.directory / 'script.sh')
    (controller.directory / 'template').write_text('{{ 1 + 1 }}\n')
    for_other = named(
        {'raw': 'pwd; id -un'},
        {'shell': PWD},
        {'script': script},
        {'copy': {'content': 'x', 'dest': '/home/other/copied'}},
        {'template': {'src': f'{controller.directory}/template', 'dest': '/home/other/template', 'mode': '0640'}},
        {'shell': PWD, 'async': 20, 'poll': 1},
        {'raw': 'pwd', 'become_flags': '-H -S -n -i'},
        {'shell': PWD, 'become_flags': '-H -S -n -i'},
        {'raw': 'pwd', 'become_flags': '-E'},
    )
    tasks = [{**task, **AS_OTHER} for task in for_other]
    assert_same(controller, farm, tasks, users=['sudoer', 'root'], prepare=private_home)


def test_without_acls_another_account_has_its_files_all_the_same(controller: Controller, farm: Farm) -> None:
    folder = controller.directory
    (folder / 'script.sh').write_text('#!/bin/sh\nid -un\n')
    (folder / 'template').write_text('{{ 1 + 1 }}\n')
    (folder / 'large').write_bytes(bytes(3_000_000))
    with tarfile.open(folder / 'archive.tar', 'w') as archive:
        archive.add(folder / 'template', 'within')
    library = folder / 'library'
    library.mkdir()
    wants = (
        '#!/bin/sh\n# WANT_JSON\nprintf \'{"changed": false, "who": "%s", "read": %d}\' "$(id -un)" "$(wc -l <"$1")"\n'
    )
    (library / 'wants.sh').write_text(wants)
    (folder / 'tree/deep').mkdir(parents=True)
    for name in ('a', 'deep/b'):
        (folder / 'tree' / name).write_text(name)
    tasks = [{**task, **AS_OTHER} for task in named(
        {'copy': {'content': 'x', 'dest': '/home/other/copied', 'mode': '0640'}},
        {'copy': {'src': f'{folder}/large', 'dest': '/home/other/large', 'mode': '0600'}},
        {'copy': {'src': f'{folder}/tree', 'dest': '/home/other/'}},
        {'template': {'src': f'{folder}/template', 'dest': '/home/other/template', 'mode': '0640'}},
        {'script': f'{folder}/script.sh'},
        {'wants': {'a': 1}},
        {'command': 'id -un', 'async': 20, 'poll': 1},
        {'unarchive': {'src': f'{folder}/archive.tar', 'dest': '/home/other'}},
        {'copy': {'content': 'y', 'dest': '/home/other/copied'}, 'register': 'again'},
        {'copy': {'content': '{{ item }}', 'dest': '/home/other/{{ item }}'}, 'loop': ['one', 'two']},
        {'command': 'id -un', 'vars': {'ansible_pipelining': False, 'ansible_svcfw_pipelining': False}},
    )]  # fmt: skip
    controller.env['ANSIBLE_LIBRARY'] = str(library)

    def no_acls(host: Host) -> None:
        host.path('/usr/bin/setfacl').unlink()
        private_home(host)

    # Stock's file that is written again has the group bits of the ACL.
    stock_host, stock = play(controller, farm, 'ssh', ['sudoer'], tasks, private_home)
    host, ours = play(controller, farm, 'svcfw-ssh', ['sudoer'], tasks, no_acls)
    found = [line for line in differences(stock, ours) if not line.startswith('8: .result.mode')]
    assert not found, '\n'.join(found) + ours.output[-6000:]
    for each in (stock_host, host):
        wait_until(lambda each=each: 'async_wrapper' not in str(each.processes()), seconds(30), 'the wrapper has ended')
    assert host.changes()['/home/other/copied'].startswith('-rw-r----- 6004:6004 1 ')
    written = {path: text for path, text in host.changes().items() if path.startswith('/home/other/')}
    expected = {path: text for path, text in stock_host.changes().items() if path.startswith('/home/other/')}
    assert set(written) == set(expected)
    assert [path for path in host.changes() if 'tmp/ansible' in path] == []


def test_the_login_has_its_temporary_folder_before_an_account_at_home_in_the_same_place(
    controller: Controller, farm: Farm
) -> None:
    del controller.env['ANSIBLE_PIPELINING']
    tasks = [
        {
            'name': '0',
            'lineinfile': {'path': '/srv/f', 'line': 'x', 'create': True},
            'become': True,
            'become_flags': '-E',
        },
        {'name': '1', 'copy': {'content': 'x', 'dest': '/home/sudoer/f'}},
        {'name': '2', 'command': 'stat -c %U:%a /home/sudoer/.ansible /home/sudoer/.ansible/tmp'},
    ]
    run = assert_same(controller, farm, tasks)
    assert run.rc == 0, run.output
    assert run.result('2')['result']['stdout_lines'] == ['sudoer:700', 'sudoer:700']


def test_a_locale_that_was_made_meanwhile(controller: Controller, farm: Farm) -> None:
    french = {'LC_ALL': 'fr_FR.UTF-8'}
    tasks = named(
        {'command': 'date -d 2026-11-27 +%A', 'environment': french},
        {'command': 'localedef -i fr_FR -f UTF-8 fr_FR.UTF-8'},
        {'command': 'date -d 2026-11-27 +%A', 'environment': french},
        {'command': 'date -d 2026-11-27 +%A', 'environment': {'LANG': 'fr_FR.UTF-8'}},
        {'command': 'date -d 2026-11-27 +%A'},
    )
    run = assert_same(controller, farm, tasks, users=['root'])
    assert [run.result(str(number))['result']['stdout'] for number in (0, 2, 3, 4)] == [
        'Friday', 'vendredi', 'vendredi', 'Friday',
    ]  # fmt: skip


def test_an_interpreter_whose_path_has_spaces(controller: Controller, farm: Farm) -> None:
    def elsewhere(host: Host) -> None:
        host.path('/opt/my python').mkdir()
        host.path('/opt/my python/python3').symlink_to('/usr/bin/python3')

    variables = {'vars': {'ansible_python_interpreter': '/opt/my python/python3'}}
    tasks = [{**task, **variables} for task in named({'ping': None}, {'command': 'echo x', 'become': True})]
    ours = assert_same(controller, farm, tasks, prepare=elsewhere)
    assert ours.result('1')['result']['stdout'] == 'x', ours.output
    assert 'svcfw: L' not in ours.output  # each way that is not the fastest is told at -v


def test_processes_of_a_module_import_it(controller: Controller, farm: Farm) -> None:
    kinds = [(method, kind) for method in ('spawn', 'forkserver') for kind in ('pool', 'executor')]
    tasks = named(*({'svcfw_spawns': {'method': method, 'kind': kind}, **AS_OTHER} for method, kind in kinds))
    run = assert_same(controller, farm, tasks)
    assert run.rc == 0, run.output
