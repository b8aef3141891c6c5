"""The way to a host, and to another account there, over stock ssh and over svcfw: the same verdicts and words."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.ansible import Controller, Run, connection_vars
from tests.support.compare import differences
from tests.support.hosts import PASSWORD, Farm, Host
from tests.support.need import need, need_program
from tests.support.timing import seconds, wait_until

PING = {'name': 'ping', 'ping': None}
BOTH = ('ssh', 'svcfw-ssh')


def inventory(host: Host, connection: str, cases: dict[str, dict[str, object]], user: str) -> dict[str, Any]:
    return {name: {**host.inventory_vars(user), **connection_vars(connection), **case} for name, case in cases.items()}


def both(
    controller: Controller, host: Host, cases: dict[str, dict[str, object]], tasks: list[Any], user: str = 'plain',
    **keywords: object,
) -> dict[str, Run]:  # fmt: skip
    """The run over each connection; `cases` are hosts, with the variables of each."""
    return {
        connection: controller.play(inventory(host, connection, cases, user), tasks, **keywords) for connection in BOTH
    }


def verdicts(run: Run, name: str) -> list[tuple[str, str]]:
    return [(event['task'], event['kind']) for event in run.events if event.get('host') == name]


def in_host(host: Host, *command: str) -> None:
    subprocess.run(['chroot', str(host.path('/')), *command], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope='module')
def target(farm: Farm) -> Host:
    return farm.host('target')


@pytest.fixture
def fresh(farm: Farm) -> Host:
    return farm.host('fresh')


# --- masters


@contextmanager
def master(host: Host, path: Path, user: str = 'plain') -> Iterator[list[str]]:
    """A user's own persistent master at `path`; gives the words that talk with it."""
    words = [need_program('sshd', 'ssh'), *host.ssh_options(), '-p', str(host.port), '-l', user, '-S', str(path)]
    subprocess.run([*words, '-f', '-N', '-M', '-o', 'ControlPersist=600', host.address], check=True)
    try:
        yield words
    finally:
        subprocess.run([*words, '-O', 'exit', host.address], stderr=subprocess.DEVNULL)


def is_alive(words: list[str], host: Host) -> bool:
    return subprocess.run([*words, '-O', 'check', host.address], stderr=subprocess.DEVNULL).returncode == 0


@pytest.mark.parametrize(
    'words',
    [
        '-o ControlMaster=auto -o ControlPersist=60s -o ControlPath={path}',
        '-o ControlMaster=auto -o ControlPath={path}',
        '-o ControlMaster=yes -o ControlPath={path}',
        '-o ControlMaster=autoask -o ControlPersist=yes -o ControlPath={path}',
        '-M -S {path}',
        '-o ForwardAgent=yes',
    ],
)
def test_arguments_that_share_connections_get_there_and_leave_no_master(
    controller: Controller, target: Host, tmp_path: Path, words: str
) -> None:
    arguments = {'ansible_ssh_args': words.format(path=tmp_path / 'master')}
    run = controller.play(inventory(target, 'svcfw-ssh', {'host': arguments}, 'plain'), [PING, PING])
    assert verdicts(run, 'host') == [('ping', 'ok')] * 2, run.output
    assert not (tmp_path / 'master').exists()


def test_the_words_of_ssh_config_count_too(controller: Controller, target: Host, tmp_path: Path) -> None:
    """With a jump host's master between: it is asked for by the user, and hangs up nobody."""
    options = [word for word in target.ssh_options() if '=' in word]
    lines = [
        'Port 2222',
        'User plain',
        *options,
        'ControlMaster auto',
        f'ControlPath {tmp_path}/%h',
        'ControlPersist 5',
    ]
    jump = f'Host jump\n  HostName {target.address}\n' + ''.join(f'  {line}\n' for line in lines)
    inner = jump.replace('Host jump', 'Host inner') + '  ProxyJump jump\n'
    config = tmp_path / 'config'
    config.write_text(jump + inner)
    variables = {'ansible_host': 'inner', 'ansible_ssh_common_args': f'-F {config}'}
    for ssh_args in ({}, {'ansible_ssh_args': '-C'}):
        runs = both(controller, target, {'host': {**variables, **ssh_args}}, [PING, PING])
        for connection, run in runs.items():
            assert verdicts(run, 'host') == [('ping', 'ok')] * 2, (connection, run.output)


def test_a_master_that_alone_gets_there_is_used_and_survives(
    controller: Controller, fresh: Host, tmp_path: Path
) -> None:
    arguments = {'ansible_ssh_args': f'-o ControlPath={tmp_path}/master'}
    with master(fresh, tmp_path / 'master') as words:
        fresh.path('/etc/ssh/svcfw/authorized_keys').write_text('')
        for run in both(controller, fresh, {'host': arguments}, [PING]).values():
            assert verdicts(run, 'host') == [('ping', 'ok')], run.output
        controller.stop_mux()
        assert is_alive(words, fresh)


def test_a_master_that_goes_away_takes_nothing_along(controller: Controller, target: Host, tmp_path: Path) -> None:
    arguments = {'ansible_ssh_args': f'-o ControlMaster=auto -o ControlPath={tmp_path}/master'}
    with master(target, tmp_path / 'master') as words:
        end = {
            'name': 'end',
            'command': {'argv': [*words, '-O', 'exit', target.address]},
            'delegate_to': 'localhost',
            'vars': {'ansible_connection': 'local'},
        }
        who = {'name': 'who', 'shell': 'cut -d " " -f 4 /proc/$PPID/stat'}  # the agent's template
        run = controller.play(inventory(target, 'svcfw-ssh', {'host': arguments}, 'plain'), [who, end, who])
        assert run.rc == 0, run.output
        before, after = (event['result']['stdout'] for event in run.results('who'))
        assert before == after


# --- what is wrong on the way


def test_every_wrong_option_has_the_verdict_of_ssh(controller: Controller, fresh: Host, tmp_path: Path) -> None:
    (tmp_path / 'config').write_text('Nonsense yes\n')
    (tmp_path / 'program').write_text('')
    in_host(fresh, 'chage', '-d', '0', 'other')
    known = '-F /dev/null -o GlobalKnownHostsFile=/dev/null -o UserKnownHostsFile='
    by_password = {'ansible_password': PASSWORD, 'ansible_ssh_private_key_file': ''}
    cases: dict[str, dict[str, object]] = {
        'option': {'ansible_ssh_extra_args': '-o Nonsense=yes'},
        'flag': {'ansible_ssh_extra_args': '-Z'},
        'no config': {'ansible_ssh_common_args': '-F /nonexistent'},
        'bad config': {'ansible_ssh_common_args': f'-F {tmp_path}/config'},
        'port': {'ansible_port': 99999},
        'port that is none': {'ansible_ssh_args': '-p abc'},
        'cipher': {'ansible_ssh_args': '-o Ciphers=nonsense'},
        'nothing in common': {'ansible_ssh_args': '-o HostKeyAlgorithms=ssh-dss'},
        'key': {'ansible_ssh_private_key_file': '/nonexistent/key'},
        'proxy': {'ansible_ssh_extra_args': '-o ProxyCommand=/nonexistent/x'},
        'name': {'ansible_host': 'no-such.invalid'},
        'no name': {'ansible_host': 'a b'},
        'refused': {'ansible_port': 2223},
        'host key': {'ansible_ssh_common_args': f'{known}/dev/null'},
        'password': {**by_password, 'ansible_password': 'wrong'},
        'expired': {**by_password, 'ansible_user': 'other'},
        'program': {'ansible_ssh_executable': '/nonexistent/ssh'},
        'program on PATH': {'ansible_ssh_executable': 'nonexistent-ssh'},
        'no program': {'ansible_ssh_executable': str(tmp_path / 'program')},
        'other program': {'ansible_ssh_executable': '/bin/false'},
        'quotes': {'ansible_ssh_args': '-o "x'},
    }
    runs = both(controller, fresh, cases, [PING])
    for name in cases:
        assert verdicts(runs['svcfw-ssh'], name) == verdicts(runs['ssh'], name), name
    for name, program in (('program', '/nonexistent/ssh'), ('program on PATH', 'nonexistent-ssh')):
        assert program in runs['svcfw-ssh'].result('ping', name)['result']['msg']


def test_descriptors_that_have_run_out_are_the_cause_that_is_told(controller: Controller, target: Host) -> None:
    """Nor is a connection by paramiko tried instead."""
    # The multiplexer that the first run leaves gets a limit that has room for a client and little more.
    first = controller.play(inventory(target, 'svcfw-ssh', {'first': {}}, 'plain'), [PING])
    assert first.rc == 0, first.output
    (pid,) = controller.mux_pids()
    used = max(int(name) for name in os.listdir(f'/proc/{pid}/fd'))
    subprocess.run(['prlimit', f'--pid={pid}', f'--nofile={used + 3}:{used + 3}'], check=True)
    run = controller.play(inventory(target, 'svcfw-ssh', {'second': {}}, 'other'), [PING])
    text = run.result('ping')['result']['msg']
    assert verdicts(run, 'second') == [('ping', 'unreachable')]
    assert 'too many open files' in text
    assert 'Install' not in text


# --- another account


def test_a_refused_become_has_the_results_of_ssh(controller: Controller, fresh: Host) -> None:
    with open(fresh.path('/etc/passwd'), 'a') as accounts:
        accounts.write('nologin:x:7000:7000::/home/plain:/usr/sbin/nologin\n')
    cases: dict[str, dict[str, object]] = {
        'not in sudoers': {'ansible_become_password': PASSWORD},
        'wrong': {'ansible_user': 'sudopw', 'ansible_become_password': 'wrong'},
        'missing': {'ansible_user': 'sudopw'},
        'no account': {'ansible_user': 'sudoer', 'ansible_become_user': 'nobody9'},
        'flags': {'ansible_user': 'sudoer', 'ansible_become_flags': '--nonsense'},
        'no program': {'ansible_user': 'sudoer', 'ansible_become_exe': '/nonexistent/sudo'},
        'no login': {
            'ansible_user': 'sudoer',
            'ansible_become_user': 'nologin',
            'ansible_become_flags': '-H -S -n -i',
            'ansible_shell_allow_world_readable_temp': True,
        },
    }
    tasks = [
        {**task, 'ignore_errors': True} for task in ({'name': 'module', 'command': 'id'}, {'name': 'raw', 'raw': 'id'})
    ]
    # Pipelining, as over svcfw: else the module of stock is a file that another account cannot read.
    runs = {}
    for connection in BOTH:
        each = {name: {'ansible_pipelining': True, **case} for name, case in cases.items()}
        runs[connection] = controller.play(inventory(fresh, connection, each, 'plain'), tasks, become=True)
    for name in cases:
        for task in ('module', 'raw'):
            ssh, ours = (runs[connection].result(task, name) for connection in BOTH)
            assert ours['kind'] == ssh['kind'], (name, task, ours['result'])
            assert ours['result'].keys() == ssh['result'].keys(), (name, task)
            for key in ('rc', 'changed', 'msg'):
                assert said(ours, key) == said(ssh, key), (name, task, key)
            # Here all of it is on one stream.
            words = [
                (said(event, 'module_stdout') or '') + (said(event, 'module_stderr') or '') for event in (ours, ssh)
            ]
            assert words[0] == words[1], (name, task)
    raw = runs['svcfw-ssh'].result('raw', 'not in sudoers')['result']
    assert raw['stdout'] == 'plain is not in the sudoers file.\r\n'
    assert (
        runs['svcfw-ssh'].result('raw', 'no account')['result']['stdout'].startswith('sudo: unknown user nobody9\r\n')
    )


def said(event: dict[str, Any], key: str) -> Any:
    """A value of a result, without the blank lines that sudo leaves for a person."""
    value = event['result'].get(key)
    return value.strip() if isinstance(value, str) else value


def test_sudo_gets_a_terminal_where_it_asks_for_one(controller: Controller, fresh: Host) -> None:
    rule = fresh.path('/etc/sudoers.d/requiretty')
    rule.write_text('Defaults requiretty\n')
    rule.chmod(0o440)
    cases: dict[str, dict[str, object]] = {
        'plain': {'ansible_user': 'sudoer'},
        'password': {'ansible_user': 'sudopw', 'ansible_become_password': PASSWORD},
        'login': {'ansible_user': 'sudoer', 'ansible_become_flags': '-H -S -n -i'},
        'environment': {'ansible_user': 'sudoer', 'ansible_become_flags': '-E -S -n'},
        'on the terminal': {
            'ansible_user': 'sudopw', 'ansible_become_password': PASSWORD, 'ansible_become_flags': '-H',
        },
        'always': {'ansible_user': 'sudoer', 'ansible_ssh_use_tty': True},
    }  # fmt: skip
    tasks = [{'name': 'module', 'command': 'id -un'}, {'name': 'raw', 'raw': 'id -un'}, {'name': 'again', 'ping': None}]
    runs = both(controller, fresh, cases, tasks, become=True)
    for name in cases:
        assert verdicts(runs['svcfw-ssh'], name) == verdicts(runs['ssh'], name), name
        assert runs['svcfw-ssh'].result('module', name)['result']['stdout'] == 'root'
    controller.stop_mux()  # a child that is there is used, terminal or not
    never = {'never': {'ansible_user': 'sudoer', 'ansible_ssh_use_tty': False}}
    run = controller.play(
        inventory(fresh, 'svcfw-ssh', never, 'sudoer'), [{**PING, 'ignore_errors': True}], become=True
    )
    assert 'you must have a tty' in run.result('ping')['result']['module_stderr']


def test_a_refusal_can_be_judged_by_its_status(controller: Controller, target: Host) -> None:
    tasks = [
        {
            'name': 'judged',
            'raw': 'id',
            'register': 'r',
            'failed_when': 'r.rc == 0',
            'become': True,
        }
    ]
    for run in both(controller, target, {'host': {'ansible_become_password': PASSWORD}}, tasks).values():
        assert run.rc == 0, run.output


# --- interpreters


def test_an_interpreter_that_does_not_start_is_passed_over(controller: Controller, fresh: Host) -> None:
    shim = fresh.path('/usr/local/bin/python3')
    shim.unlink(missing_ok=True)
    shim.write_text('#!/bin/sh\necho pyenv: python3: command not found >&2\nexit 127\n')
    shim.chmod(0o755)
    cases = {'host': {'ansible_python_interpreter': '/usr/bin/python3'}}
    tasks = [PING, {'name': 'root', 'command': 'id -un', 'become': True}]
    for connection, run in both(controller, fresh, cases, tasks, user='sudoer').items():
        assert verdicts(run, 'host') == [('ping', 'ok'), ('root', 'ok')], (connection, run.output)


def test_the_interpreter_of_modules_is_tried_where_there_is_no_other(controller: Controller, farm: Farm) -> None:
    bare = farm.host('bare', 'no-python')
    in_host(bare, 'mkdir', '-p', '/opt/odd')
    odd = bare.path('/opt/odd/python')
    odd.write_bytes(Path('/usr/bin/python3').resolve().read_bytes())
    odd.chmod(0o755)
    cases = {'host': {'ansible_python_interpreter': '/opt/odd/python'}}
    run = controller.play(inventory(bare, 'svcfw-ssh', cases, 'plain'), [PING], '-v')
    assert verdicts(run, 'host') == [('ping', 'ok')], run.output
    assert ', /opt/odd/python 3' in run.output
    assert 'svcfw: L' not in run.output, 'each way that is not the fastest is told at -v'


def test_an_account_that_cannot_run_our_interpreter_finds_its_own(controller: Controller, fresh: Host) -> None:
    in_host(fresh, '/usr/bin/python3', '-m', 'venv', '--without-pip', '/root/venv')
    fresh.path('/root/venv').chmod(0o700)
    cases = {
        'host': {'ansible_svcfw_python': '/root/venv/bin/python', 'ansible_python_interpreter': '/usr/bin/python3'}
    }
    tasks = [PING, {'name': 'other', 'command': 'id -un', 'become': True, 'become_user': 'other'}]
    run = controller.play(inventory(fresh, 'svcfw-ssh', cases, 'root'), tasks)
    assert verdicts(run, 'host') == [('ping', 'ok'), ('other', 'ok')], run.output
    assert run.result('other')['result']['stdout'] == 'other'


# --- this machine


def test_reboot_refuses_the_controller(controller: Controller, target: Host) -> None:
    tasks = [{'name': 'reboot', 'reboot': {'reboot_command': '/nonexistent/reboot'}, 'ignore_errors': True}, PING]
    results = [
        controller.play({'here': {'ansible_host': 'localhost', **variables}}, tasks).result('reboot')['result']
        for variables in ({'ansible_connection': 'local'}, connection_vars('svcfw-local'))
    ]
    assert results[0]['msg'] == results[1]['msg']
    assert 'would reboot the control node' in results[1]['msg']


def test_commands_of_this_machine_run_as_those_of_stock_local(controller: Controller) -> None:
    ends = [
        {'name': text, 'raw': text, 'ignore_errors': True} for text in ('kill -TERM $$', 'kill -INT $$', 'exit 143')
    ]
    tasks = [
        *ends,
        {'name': 'shell', 'raw': 'echo $0; readlink /proc/$$/exe'},
        {'name': 'own shell', 'raw': 'echo $BASH', 'args': {'executable': '/bin/bash'}},
        {'name': 'streams', 'raw': 'test -t 1 || echo out; echo err >&2; cat'},
    ]
    stock, ours = (
        controller.play({'here': {'ansible_host': 'localhost', **variables}}, tasks, '--diff')
        for variables in ({'ansible_connection': 'local'}, connection_vars('svcfw-local'))
    )
    assert [ours.result(text['name'])['result']['rc'] for text in ends] == [-15, -2, 143], ours.output
    found = differences(stock, ours)
    assert not found, '\n'.join(found) + ours.output[-3000:]


def test_become_on_this_machine_is_from_the_account_that_runs_the_play(controller: Controller) -> None:
    sudo = need_program('sudo', 'sudo')
    may = subprocess.run([sudo, '-n', '-u', 'nobody', 'true'], check=False, stderr=subprocess.DEVNULL).returncode == 0
    need('sudo', may, 'sudo asks this account for a password')
    who = 'echo "$(id -un)|$SUDO_USER"'
    to_set = {'become': True, 'become_user': 'nobody'}
    tasks = [
        {'name': 'to whom it is set to be', 'command': 'id -un', **to_set},
        {'name': 'to whom it is set to be, raw', 'raw': who, **to_set},
        {'name': 'to whom it is', 'raw': who, 'become': True, 'become_user': 'root'},
        {'name': 'user', 'debug': {'msg': '{{ ansible_user }}'}},
        {
            'name': 'a terminal of its own',
            'command': 'id -un',
            **to_set,
            'become_method': 'su',
            'vars': {'ansible_become_flags': '-P -s /bin/sh'},
        },
    ]
    common = {'ansible_host': 'localhost', 'ansible_user': 'nobody', 'ansible_python_interpreter': '/usr/bin/python3'}
    stock, ours = (
        controller.play({'here': {**common, **variables}}, tasks)
        for variables in ({'ansible_connection': 'local'}, connection_vars('svcfw-local'))
    )
    assert ours.rc == 0, ours.output
    assert ours.result('to whom it is set to be')['result']['stdout'] == 'nobody'
    found = differences(stock, ours)
    assert not found, '\n'.join(found) + ours.output[-3000:]


def test_a_refused_become_on_this_machine_has_a_result(controller: Controller) -> None:
    need_program('sudo', 'sudo')
    refused = {'become': True, 'become_user': 'nobody', 'ignore_errors': True}
    unknown = {'vars': {'ansible_become_flags': '--no-such-flag'}}
    tasks = [
        {'name': 'module', 'command': 'id -un', **refused, **unknown},
        {'name': 'raw', 'raw': 'id -un', **refused, **unknown},
        {'name': 'method', 'command': 'id -un', **refused, 'vars': {'ansible_become_exe': '/nowhere/sudo'}},
    ]
    common = {'ansible_host': 'localhost', 'ansible_python_interpreter': '/usr/bin/python3'}
    run = controller.play({'here': {**common, **connection_vars('svcfw-local')}}, tasks)
    results = {task['name']: run.result(task['name'])['result'] for task in tasks}
    assert {name: result['rc'] for name, result in results.items()} == {'module': 1, 'raw': 1, 'method': 127}
    assert 'no-such-flag' in results['module']['module_stderr']
    assert 'no-such-flag' in results['raw']['stderr']
    assert results['raw']['stdout'] == ''


# --- agents


@contextmanager
def agent(key: Path, path: Path) -> Iterator[None]:
    """An ssh-agent at `path` that holds `key`."""
    process = subprocess.Popen([need_program('sshd', 'ssh-agent'), '-D', '-a', str(path)], stdout=subprocess.DEVNULL)
    try:
        wait_until(path.exists, seconds(10), 'the agent listens')
        add = [need_program('sshd', 'ssh-add'), '-q', str(key)]
        subprocess.run(add, env={**os.environ, 'SSH_AUTH_SOCK': str(path)}, check=True)
        yield
    finally:
        process.terminate()
        process.wait(seconds(10))


def test_a_new_agent_with_the_same_keys_finds_the_context_of_the_last(
    controller: Controller, target: Host, tmp_path: Path
) -> None:
    """As ansible-runner does with env/ssh_key: an agent for each run."""
    who = {'name': 'who', 'shell': 'cut -d " " -f 4 /proc/$PPID/stat'}  # the agent's template
    variables = {'ansible_ssh_private_key_file': ''}
    found = []
    for number in range(2):
        path = tmp_path / f'agent{number}'
        with agent(target.key, path):
            controller.env['SSH_AUTH_SOCK'] = str(path)
            run = controller.play(inventory(target, 'svcfw-ssh', {'host': variables}, 'plain'), [who])
            assert run.rc == 0, run.output
            found.append(run.result('who')['result']['stdout'])
    assert found[0] == found[1]
    # A context that has ended is started by the socket of the client that asks, not by one that is gone.
    controller.stop_mux()
    with agent(target.key, tmp_path / 'agent2'):
        controller.env['SSH_AUTH_SOCK'] = str(tmp_path / 'agent2')
        run = controller.play(inventory(target, 'svcfw-ssh', {'host': variables}, 'plain'), [PING])
        assert run.rc == 0, run.output
