"""Contexts of other accounts and interpreters below a target's own: their dialogues, their failures, who gets them."""

import os
import signal
import subprocess
import sys

import pytest

from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.mux.client.client import DeferredError, Target
from tests.support.interpreters import need_python
from tests.support.mux import Dialogue, PasswordError, account, in_thread, link, written

HERE = Target(link())
PARENT = 'echo $PPID'
# As sudo -S does, and like everything that asks on a terminal.
ON_STDIN = 'printf "password:" >&2; read x; test "$x" = secret || { echo wrong >&2; exit 1; }; BOOT'
ON_TTY = (
    'exec 3<>/dev/tty; printf "password:" >&3; read x <&3; test "$x" = secret || { echo wrong >&3; exit 1; }; '
    'exec 3>&-; BOOT'
)
TWICE = 'printf "password:" >&2; read x; printf "password:" >&2; read x; test "$x" = secret && BOOT'


def pid_of(client, target):
    """Of the context that a command runs in."""
    return int(client.run_command(target, PARENT, None, '/bin/sh').stdout)


@pytest.mark.parametrize(('script', 'tty'), [(ON_STDIN, False), (ON_TTY, True), (TWICE, False), ('BOOT', False)])
def test_the_dialogue(mux, script, tty):
    client = mux.client()
    dialogue = Dialogue(script, b'secret\n', b'secret\n')
    target = account(dialogue, tty=tty)
    child = pid_of(client, target)
    assert child != pid_of(client, HERE)
    assert dialogue.has_ended
    assert pid_of(client, target) == child
    assert pid_of(mux.client(), target) == child
    assert dialogue.builds == 1
    assert client.run_source(target, b'import os; print(os.getpid())', [sys.executable], {}).rc == 0
    assert mux.log == ''


def test_the_key_decides_whose_child_it_is(mux):
    client = mux.client()
    one, other = (account(Dialogue('BOOT'), key) for key in (b'one', b'other'))
    assert pid_of(client, one) != pid_of(client, other)


@pytest.mark.parametrize(('script', 'tty'), [(ON_STDIN, False), (ON_TTY, True)])
def test_a_wrong_password(mux, script, tty):
    client = mux.client()
    with pytest.raises(StartError) as raised:
        pid_of(client, account(Dialogue(script, b'guess\n'), tty=tty))
    assert raised.value.kind == 'become'
    assert 'wrong' in raised.value.cause
    assert pid_of(client, account(Dialogue(script, b'secret\n'), tty=tty))


def test_an_exception_of_the_dialogue_reaches_the_caller(mux, tmp_path):
    client = mux.client()
    dialogue = Dialogue(f'echo $$ > {tmp_path}/pid; ' + ON_STDIN)
    with pytest.raises(PasswordError):
        pid_of(client, account(dialogue))
    assert dialogue.has_ended
    pid = written(tmp_path / 'pid')
    client.abort()
    mux.wait_until_gone(pid)


@pytest.mark.parametrize('script', ['echo sorry >&2; exit 3', 'exec /nonexistent/su', 'kill -9 $$'])
def test_a_command_that_ends(mux, script):
    with pytest.raises(StartError) as raised:
        pid_of(mux.client(), account(Dialogue(script)))
    assert raised.value.kind == 'become'
    assert raised.value.host == 'here as another account'


def test_a_command_that_hangs(mux):
    with pytest.raises(StartError) as raised:
        pid_of(mux.client(), account(Dialogue('exec sleep 1000'), timeout_s=1))
    assert raised.value.kind == 'timeout'
    mux.wait_for(lambda: not mux.processes('sleep 1000'), 'the end of the command')


@pytest.mark.parametrize('script', ['yes >&2', 'yes', 'yes > /dev/tty'])
def test_a_command_that_prints_without_end(mux, script):
    client = mux.client()
    with pytest.raises(StartError):
        pid_of(client, account(Dialogue(script), tty=True))
    mux.wait_for(lambda: not mux.processes('yes'), 'the end of the command')
    assert pid_of(client, HERE)


def test_clients_who_want_the_same_child_share_it(mux, tmp_path):
    os.mkfifo(tmp_path / 'gate')
    script = f'echo >> {tmp_path}/starts; read x < {tmp_path}/gate; BOOT'
    clients = [mux.client() for _ in range(5)]
    joins = [in_thread(pid_of, client, account(Dialogue(script))) for client in clients]
    mux.wait_for((tmp_path / 'starts').exists, 'the start')
    (tmp_path / 'gate').write_text('\n')
    assert len({join() for join in joins}) == 1
    assert (tmp_path / 'starts').read_text() == '\n'


def test_whoever_waits_takes_over_when_the_one_that_asked_leaves(mux, tmp_path):
    first = mux.client()
    waiting = Dialogue(f'echo $$ > {tmp_path}/pid; read x')
    in_thread(pid_of, first, account(waiting))
    pid = written(tmp_path / 'pid')
    joins = [in_thread(pid_of, mux.client(), account(Dialogue('BOOT'))) for _ in range(3)]
    mux.client().facts(HERE)
    first.abort()
    assert len({join() for join in joins}) == 1
    mux.wait_until_gone(pid)


def test_a_child_that_is_killed(mux):
    client = mux.client()
    target = account(Dialogue('BOOT'))
    child = pid_of(client, target)
    os.kill(child, signal.SIGKILL)
    mux.wait_until_gone(child)
    with pytest.raises(ChannelError):
        client.run_command(target, 'kill -9 $PPID', None, '/bin/sh')
    assert pid_of(client, target) not in (child, None)


def test_reset_ends_children_too(mux):
    client = mux.client()
    children = [pid_of(client, account(Dialogue('BOOT'), key)) for key in (b'one', b'other')]
    assert client.reset(HERE)
    mux.wait_until_gone(*children)


def test_a_failure_at_the_login_account_holds_back_the_child(mux, tmp_path):
    client = mux.client()
    target = account(Dialogue('BOOT'))
    pid_of(client, target)
    client.mkdtemp(HERE, str(tmp_path), None)
    client.remove(target, str(tmp_path), True)
    with pytest.raises(DeferredError) as raised:
        client.run_command(target, f'touch {tmp_path}/run', None, '/bin/sh')
    assert raised.value.op == 'mkdtemp'
    assert list(tmp_path.iterdir()) == []
    assert client.run_command(target, 'echo on', None, '/bin/sh').stdout == b'on\n'


def test_a_failure_in_the_child(mux, tmp_path):
    client = mux.client()
    target = account(Dialogue('BOOT'))
    pid_of(client, target)
    client.mkdtemp(target, str(tmp_path), None)
    client.mkdtemp(target, str(tmp_path / 'after'), None)
    with pytest.raises(DeferredError) as raised:
        client.run_command(target, f'touch {tmp_path}/run', None, '/bin/sh')
    assert raised.value.path == str(tmp_path)
    assert list(tmp_path.iterdir()) == []
    client.mkdtemp(target, str(tmp_path / 'after'), None)
    client.flush(target)
    assert (tmp_path / 'after').is_dir()


def test_files_for_the_child(mux, tmp_path):
    (tmp_path / 'local').write_bytes(os.urandom(20_000_000))
    client = mux.client()
    target = account(Dialogue('BOOT'))
    pid_of(client, target)
    client.put_file(target, str(tmp_path / 'local'), str(tmp_path / 'remote'))
    client.flush(target)
    (tmp_path / 'fetched').touch()
    client.fetch_file(target, str(tmp_path / 'remote'), str(tmp_path / 'fetched'))
    assert (tmp_path / 'fetched').read_bytes() == (tmp_path / 'local').read_bytes()


def test_what_nobody_waits_for_starts_no_child(mux, tmp_path):
    client = mux.client()
    target = account(Dialogue('BOOT'))
    client.mkdtemp(target, str(tmp_path / 'made'), None)
    with pytest.raises(StartError, match='gone'):
        client.flush(target)
    client.flush(target)
    assert not (tmp_path / 'made').exists()


def test_jobs_of_a_child_end_with_their_client(mux, tmp_path):
    client = mux.client()
    target = account(Dialogue('BOOT'))
    pid_of(client, target)
    in_thread(client.run_command, target, f'echo $$ > {tmp_path}/pid; exec sleep 1000', None, '/bin/sh')
    pid = written(tmp_path / 'pid')
    client.abort()
    mux.wait_until_gone(pid)


def test_a_password_is_nowhere_to_be_seen(mux, monkeypatch):
    monkeypatch.setenv('SVCFW_LOG', 'DEBUG')
    client = mux.client()
    with pytest.raises(StartError):
        pid_of(client, account(Dialogue(ON_TTY, b'hunter2222\n'), b'key with hunter2222', tty=True))
    assert 'hunter2222' not in mux.log
    assert 'hunter2222' not in repr(account(Dialogue(ON_TTY), b'key with hunter2222'))


# -- interpreters ----------------------------------------------------------------------------------------------------

WHO = b'import os, sys; print("%d.%d" % sys.version_info[:2], sys.prefix, os.getppid())'


@pytest.mark.parametrize('version', ['3.6', '3.8', '3.13'])
def test_another_python_has_a_warm_child(mux, version):
    python = need_python(version)
    client = mux.client()
    outputs = [client.run_source(HERE, WHO, [python], {}).stdout.split() for _ in range(2)]
    assert outputs[0] == outputs[1]  # the same template
    assert outputs[0][0] == version.encode()
    assert client.run_source(account(Dialogue('BOOT')), WHO, [python], {}).stdout.split()[0] == version.encode()


def test_the_python_of_a_virtual_environment(mux, tmp_path):
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', tmp_path / 'venv'], check=True)
    output = mux.client().run_source(HERE, WHO, [str(tmp_path / 'venv/bin/python')], {}).stdout
    assert str(tmp_path / 'venv').encode() in output


def test_two_clients_want_the_same_python(mux):
    python = need_python('3.8')
    joins = [in_thread(mux.client().run_source, HERE, WHO, [python], {}) for _ in range(4)]
    assert len({join().stdout for join in joins}) == 1


def test_a_client_that_leaves_does_not_take_the_python_along(mux):
    python = need_python('3.8')
    first, second = mux.client(), mux.client()
    in_thread(first.run_source, HERE, WHO, [python], {})
    join = in_thread(second.run_source, HERE, WHO, [python], {})
    first.abort()
    assert join().stdout == second.run_source(HERE, WHO, [python], {}).stdout


@pytest.mark.parametrize(
    ('words', 'cause'),
    [
        (['/nonexistent/python'], 'does not exist'),
        ([sys.executable, '-I'], 'has arguments'),
        (['/usr/bin/env', '-S', 'python3'], 'has arguments'),
    ],
)
def test_interpreters_that_are_none(mux, words, cause):
    client = mux.client()
    with pytest.raises(StartError, match=cause) as raised:
        client.run_source(HERE, WHO, words, {})
    assert raised.value.kind == 'interpreter'
    assert client.run_source(HERE, b'print(1)', [sys.executable], {}).stdout == b'1\n'


def test_a_python_that_is_too_old(mux):
    client = mux.client()
    for _ in range(2):
        with pytest.raises(StartError, match=r'2\.7') as raised:
            client.run_source(HERE, WHO, [need_python('2.7')], {})
        assert raised.value.kind == 'interpreter'
    assert client.run_command(HERE, 'echo on', None, '/bin/sh').stdout == b'on\n'


def test_a_program_that_is_no_python_hangs_nobody(mux, tmp_path):
    fake = tmp_path / 'python'
    fake.write_text(f'#!/bin/sh\necho >> {tmp_path}/starts; exec sleep 1000\n')
    fake.chmod(0o755)
    client = mux.client()
    for _ in range(2):
        with pytest.raises(StartError) as raised:
            client.run_source(Target(link(), timeout_s=1), WHO, [str(fake)], {})
        assert raised.value.kind == 'interpreter'
    assert (tmp_path / 'starts').read_text() == '\n'
    mux.wait_for(lambda: not mux.processes('sleep 1000'), 'the end of the program')


def test_a_failure_before_an_interpreter_is_looked_for(mux, tmp_path):
    client = mux.client()
    for words in (['/nonexistent/python'], [need_python('3.8')]):
        client.mkdtemp(HERE, str(tmp_path), None)
        with pytest.raises(DeferredError):
            client.run_source(HERE, WHO, words, {})
        client.flush(HERE)


def test_a_failure_before_a_child_is_started(mux, tmp_path):
    client = mux.client()
    dialogue = Dialogue('BOOT')
    client.mkdtemp(HERE, str(tmp_path), None)
    with pytest.raises(DeferredError):
        client.run_command(account(dialogue), 'echo', None, '/bin/sh')
    assert client.run_command(account(dialogue), 'echo on', None, '/bin/sh').stdout == b'on\n'


@pytest.mark.parametrize('version', ['3.6', '3.7', '3.8', '3.13'])
def test_agents_run_on_every_python(mux, tmp_path, version):
    here = Target(link(python=need_python(version)))
    (tmp_path / 'local').write_bytes(os.urandom(1_000_000))
    client = mux.client()
    assert client.facts(here)['version'][:2] == tuple(map(int, version.split('.')))
    client.mkdtemp(here, f'{tmp_path}/é', 0o77)
    client.put_file(here, str(tmp_path / 'local'), f'{tmp_path}/é/file')
    client.chmod(here, [f'{tmp_path}/é/file'], 'u+rwx')
    client.flush(here)
    (tmp_path / 'fetched').touch()
    client.fetch_file(here, f'{tmp_path}/é/file', str(tmp_path / 'fetched'))
    assert (tmp_path / 'fetched').read_bytes() == (tmp_path / 'local').read_bytes()
    assert client.run_command(here, 'cat; echo é', b'in', '/bin/sh').stdout == 'iné\n'.encode()
    assert client.run_command(here, 'tty', None, '/bin/sh', True).rc == 0
    assert client.run_source(here, WHO, [need_python(version)], {}).stdout.startswith(version.encode())
    child = Target(here.link, account(Dialogue(ON_TTY, b'secret\n'), tty=True).become)
    assert pid_of(client, child) != pid_of(client, here)
    client.remove(here, f'{tmp_path}/é', True)
    client.flush(child)
    assert not (tmp_path / 'é').exists()
    assert client.reset(here)
    mux.wait_for(lambda: not mux.agents(), 'the end of the contexts')
