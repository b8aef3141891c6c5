"""Commands and the rest through a multiplexer: outcomes, output, what is kept and what is not."""

import os
import sys
from pathlib import Path

import pytest

from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.core.wire.values import Secret
from svcfw.mux.client.client import DeferredError, Target
from svcfw.mux.requests import Command
from tests.support.mux import fds, in_thread, link, resident_bytes, written, zombies

HERE = Target(link())
MiB = 1024 * 1024


def test_outcomes_of_commands(mux):
    client = mux.client()

    def run(text, stdin=None, executable='/bin/sh', tty=False):
        result = client.run_command(HERE, text, stdin, executable, tty)
        return result.rc, result.stdout, result.stderr

    assert run('echo out; echo err >&2; exit 3') == (3, b'out\n', b'err\n')
    assert run('kill -9 $$')[0] == -9
    assert run('cat', b'input') == (0, b'input', b'')
    assert run('exec <&-; echo deaf', b'x' * MiB) == (0, b'deaf\n', b'')
    assert run('readlink /proc/self/fd/0') == (0, b'/dev/null\n', b'')
    assert run(':', executable='/nonexistent/sh') == (127, b'', b'/nonexistent/sh: No such file or directory\n')
    assert run(':', executable='/etc/passwd') == (126, b'', b'/etc/passwd: Permission denied\n')
    assert run('x' * 300_000) == (126, b'', b'/bin/sh: Argument list too long\n')
    assert run('echo $0', executable=None)[0] == 0
    assert run('echo \udcff') == (0, b'\xff\n', b'')


def test_commands_on_a_terminal(mux):
    client = mux.client()
    result = client.run_command(
        HERE, 'test -t 0 && test -t 1 && test -t 2 && tty; echo err >&2; exit 4', None, '/bin/sh', True
    )
    assert result.rc == 4
    assert result.stdout.startswith(b'/dev/')
    assert result.stdout.endswith(b'\r\nerr\r\n')
    assert result.stderr == b''
    result = client.run_command(HERE, 'seq 100000', None, '/bin/sh', True)
    assert result.stdout.split() == [b'%d' % i for i in range(1, 100001)]
    result = client.run_command(HERE, 'sleep 1000 & echo left', None, '/bin/sh', True)
    assert (result.rc, result.stdout) == (0, b'left\r\n')


def test_large_input_and_output(mux):
    client = mux.client()
    data = os.urandom(20 * MiB)
    result = client.run_command(HERE, 'cat; cat /dev/null >&2', data, '/bin/sh')
    assert result.stdout == data


def test_a_slow_client_bounds_what_is_held_for_it(mux):
    client = mux.client()
    client.facts(HERE)
    (agent,) = mux.agents()
    client._request(HERE, Command('/bin/sh', 'head -c 300000000 /dev/zero', b'', None, None), 1)
    # Others are served meanwhile, and what is under way for the first one has come to rest.
    other = mux.client()
    for _ in range(20):
        other.run_command(HERE, 'echo on', None, '/bin/sh')
    assert mux.processes('head -c'), 'it waits for its reader'
    for pid in (agent, client.mux_pid):
        assert resident_bytes(pid) < 96 * MiB
    client.abort()
    mux.wait_for(lambda: not mux.processes('head -c'), 'the end of the command')


def test_nothing_leaks(mux, tmp_path):
    (tmp_path / 'local').write_bytes(b'x')
    client = mux.client()
    client.run_source(HERE, b'', [sys.executable], {})
    agent = int(client.run_command(HERE, 'echo $PPID', None, '/bin/sh').stdout)

    def everything(client):
        client.run_command(HERE, 'cat', b'in', '/bin/sh')
        client.run_command(HERE, 'echo', None, '/bin/sh', True)
        client.run_command(HERE, ':', None, '/nonexistent')
        client.put_file(HERE, str(tmp_path / 'local'), str(tmp_path / 'remote'))
        client.fetch_file(HERE, str(tmp_path / 'remote'), str(tmp_path / 'local'))
        client.put_file(HERE, str(tmp_path / 'local'), '/nonexistent/file')
        with pytest.raises(DeferredError):
            client.flush(HERE)
        client.run_source(HERE, b'', [sys.executable], {})

    everything(client)
    before = fds(agent), fds(client.mux_pid)
    for _ in range(60):
        other = mux.client()
        everything(other)
        other.close()
    mux.wait_for(lambda: (fds(agent), fds(client.mux_pid)) == before, f'as few descriptors as before: {before}')
    assert not zombies(agent)
    assert not zombies(client.mux_pid)


def test_facts_and_users(mux):
    client = mux.client()
    facts = client.facts(HERE)
    assert (facts['uid'], facts['home']) == (os.getuid(), os.environ.get('HOME', facts['home']))
    assert facts['version'] == sys.version_info[:3]
    assert client.expand_user(HERE, '~') == facts['home']
    assert client.expand_user(HERE, '~root') == '/root'
    assert client.expand_user(HERE, '~svcfw-nobody-has-this-name') == '~svcfw-nobody-has-this-name'


def test_reset(mux):
    client, other = mux.client(), mux.client()
    assert not client.reset(HERE)
    client.run_source(HERE, b'', [sys.executable], {})
    other.facts(HERE)
    agents = mux.agents()
    assert client.reset(HERE)
    mux.wait_until_gone(*agents)
    assert not client.reset(HERE)
    assert other.run_command(HERE, 'echo on', None, '/bin/sh').stdout == b'on\n'


def test_reset_during_a_job_leaves_it_and_its_context_ends_with_it(mux, tmp_path):
    client, other = mux.client(), mux.client()
    os.mkfifo(tmp_path / 'gate')
    text = f'echo $PPID > {tmp_path}/agent; read line < {tmp_path}/gate; echo $line'
    join = in_thread(client.run_command, HERE, text, None, '/bin/sh')
    agent = written(tmp_path / 'agent')
    assert other.reset(HERE)
    assert int(other.run_command(HERE, 'echo $PPID', None, '/bin/sh').stdout) != agent
    (tmp_path / 'gate').write_text('on\n')
    assert join().stdout == b'on\n'
    mux.wait_until_gone(agent)


def test_reset_after_what_was_not_waited_for(mux, tmp_path):
    client = mux.client()
    client.mkdtemp(HERE, str(tmp_path / 'made'), None)
    assert client.reset(HERE)
    assert (tmp_path / 'made').is_dir()
    client.flush(HERE)


def test_links_that_differ_do_not_share_a_context(mux):
    client = mux.client()
    one = client.run_command(HERE, 'echo $PPID', None, '/bin/sh').stdout
    assert client.run_command(Target(link(), timeout_s=77), 'echo $PPID', None, '/bin/sh').stdout == one
    assert client.run_command(Target(link(env={'SSH_AUTH_SOCK': '/x'})), 'echo $PPID', None, '/bin/sh').stdout != one


def test_a_link_that_is_none(mux):
    client = mux.client()
    with pytest.raises(StartError, match='unknown transport') as raised:
        client.facts(Target(link().replace(b'local', b'cocal')))
    assert raised.value.kind == 'option'
    with pytest.raises(ChannelError):
        client.facts(Target(b'no link'))
    assert client.facts(HERE)


def test_secrets_are_nowhere_to_be_seen(mux, monkeypatch):
    monkeypatch.setenv('SVCFW_LOG', 'DEBUG')
    password = 'hunter' + '2' * 7
    target = Target(link(password=Secret(password)))
    assert password not in repr(target)
    client = mux.client()
    client.run_command(target, 'echo', None, '/bin/sh')
    client.run_source(target, f'print("{password}"[:0])'.encode(), [sys.executable], {})
    assert len(mux.processes()) >= 3
    for pid in mux.processes():
        for name in ('cmdline', 'environ'):
            assert password.encode() not in Path(f'/proc/{pid}/{name}').read_bytes()
    assert password not in mux.log
    with pytest.raises(StartError) as raised:
        client.facts(Target(link(transport='other', password=Secret(password))))
    assert password not in str(raised.value)
