"""What every transport promises (svcfw/transport/contract.py), asked of each of them over real servers."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from svcfw.core.wire.errors import StartError
from svcfw.transport import local, openssh, paramiko
from svcfw.transport.spec import Spec
from tests.support import drive
from tests.support.drive import MARKER, Drive
from tests.support.hosts import PASSWORD, Farm, Host
from tests.support.interpreters import need_python
from tests.support.need import need_program
from tests.support.sshd import Sshd, descendants, free_port
from tests.support.timing import seconds, wait_until

# A second stage that sends back what it gets, to its end, with noise beside it.
ECHO = zlib.compress(
    b"""
import os, sys
os.write(1, b'noise before' + %r)
while 1:
    data = os.read(0, 1 << 17)
    if not data:
        break
    while data:
        data = data[os.write(1, data):]
os.write(2, b'all the best\\n')
os._exit(7)
"""
    % MARKER
)
DIES = zlib.compress(b"import os; os.write(2, b'first line\\nsomething broke here\\n'); os._exit(3)")
HANGS = zlib.compress(b'import time; time.sleep(600)')
ALL_BYTES = bytes(range(256))


RELAY = """
import os, select, socket, sys
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
while True:
    for source in select.select([0, sock], [], [])[0]:
        data = os.read(0, 65536) if source == 0 else sock.recv(65536)
        if not data:
            sys.exit()
        if source == 0:
            sock.sendall(data)
        else:
            os.write(1, data)
"""


@dataclass
class Transport:
    """One transport and a place it can reach."""

    name: str
    launch: Callable[[Spec, int], tuple[Any, Any]]
    fields: dict[str, Any]

    def spec(self, **fields: Any) -> Spec:
        return Spec(**{'transport': self.name, 'timeout_s': seconds(20), **self.fields, **fields})

    @contextlib.contextmanager
    def start(self, second_stage: bytes = ECHO, answers: Any = (), **fields: Any) -> Iterator[Drive]:
        started = drive.start(self.launch, self.spec(**fields), second_stage, answers)
        try:
            yield started
        finally:
            started.close()

    def failure(self, second_stage: bytes = ECHO, **fields: Any) -> StartError:
        """The error of a start that must not succeed."""
        with pytest.raises(StartError) as raised, self.start(second_stage, **fields) as started:
            started.until_ready()
        assert raised.value.host == (fields.get('host') or self.fields.get('host') or 'localhost')
        assert raised.value.cause
        return raised.value


def over_ssh(name: str, server: Sshd) -> Transport:
    launch = {'ssh': openssh.launch, 'paramiko': paramiko.launch}[name]
    fields = {'host': server.host, 'port': server.port, 'user': server.user, 'ssh_common_args': server.ssh_options()}
    return Transport(name, launch, fields)


@pytest.fixture(params=['local', 'ssh', 'paramiko'])
def transport(request: pytest.FixtureRequest) -> Transport:
    if request.param == 'local':
        return Transport('local', local.launch, {})
    return over_ssh(request.param, request.getfixturevalue('sshd'))


@pytest.fixture(params=['ssh', 'paramiko'])
def remote(request: pytest.FixtureRequest, sshd: Sshd) -> Transport:
    return over_ssh(request.param, sshd)


@pytest.fixture(scope='module')
def host(farm: Farm) -> Host:
    return farm.host('passwords')


@pytest.fixture(params=['ssh', 'paramiko'])
def by_password(request: pytest.FixtureRequest, host: Host) -> Transport:
    launch = {'ssh': openssh.launch, 'paramiko': paramiko.launch}[request.param]
    fields = {
        'host': host.address,
        'port': host.port,
        'user': 'plain',
        'password': PASSWORD,
        'ssh_common_args': [
            *host.ssh_options(key=False),
            '-o',
            'IdentitiesOnly=yes',
            '-o',
            'IdentityFile=/nonexistent',
        ],
    }
    return Transport(request.param, launch, fields)


def descriptors() -> dict[str, str]:
    """Those of this process, and what each is."""
    found = {}
    for fd in os.listdir('/proc/self/fd'):
        with contextlib.suppress(FileNotFoundError):  # the one that lists them
            found[fd] = os.readlink(f'/proc/self/fd/{fd}')
    return found


class TestTheLink:
    def test_carries_every_byte_unchanged(self, transport: Transport) -> None:
        with transport.start() as started:
            started.until_ready()
            started.unsent += ALL_BYTES
            assert started.read(256) == ALL_BYTES

    def test_carries_ten_mebibytes_both_ways_at_once(self, transport: Transport) -> None:
        data = ALL_BYTES * (10 * 4096)
        with transport.start() as started:
            started.until_ready()
            started.unsent += data
            assert started.read(len(data)) == data

    def test_takes_frames_before_the_program_reads(self, transport: Transport) -> None:
        with transport.start() as started:
            started.unsent += b'early'
            started.until_ready()
            assert started.read(5) == b'early'

    def test_outlives_its_terminal(self, transport: Transport) -> None:
        with transport.start() as started:
            started.until_ready()
            started.process.close_tty()
            started.unsent += b'still here'
            assert started.read(10) == b'still here'

    def test_ends_with_its_input_and_tells_the_status(self, transport: Transport) -> None:
        with transport.start() as started:
            started.until_ready()
            end_input(started)
            assert started.until_end() == 7
            assert started.err.endswith(b'all the best\n')

    def test_ends_with_the_program(self, transport: Transport) -> None:
        with transport.start(DIES) as started:
            assert started.until_end() == 3

    def test_ends_when_killed(self, transport: Transport) -> None:
        with transport.start() as started:
            started.until_ready()
            started.process.kill()
            assert started.until_end() not in (None, 0)

    def test_leaves_no_process_when_it_is_closed(self, transport: Transport, tmp_path: Path) -> None:
        fifo = tmp_path / 'fifo'
        os.mkfifo(fifo)
        holds_fifo = zlib.compress(
            b'import os; os.open(%r, os.O_WRONLY)\n' % str(fifo).encode() + zlib.decompress(ECHO)
        )
        end = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        with transport.start(holds_fifo) as started:
            started.until_ready()
            assert not is_at_end(end)
            started.process.close()
            wait_until(lambda: is_at_end(end), seconds(10), 'the last process that has the fifo open is gone')
        os.close(end)

    def test_leaves_no_descriptor_and_no_thread(self, transport: Transport) -> None:
        threads, before = set(threading.enumerate()), descriptors()
        with transport.start() as started:
            started.until_ready()
        wait_until(lambda: set(threading.enumerate()) <= threads, seconds(10), 'the threads end')
        assert descriptors() == before


class TestAFailedStart:
    def test_quotes_the_last_words_of_a_program_that_died(self, transport: Transport) -> None:
        error = transport.failure(DIES)
        assert error.kind == 'died'
        assert 'something broke here' in error.cause
        assert 'status 3' in error.cause

    def test_is_told_from_a_program_that_hangs(self, transport: Transport) -> None:
        with transport.start(HANGS) as started, pytest.raises(StartError) as raised:
            started.until_ready(timeout_s=seconds(0.5))
        assert raised.value.kind == 'timeout'

    def test_unusable_interpreter_names_are_refused(self, remote: Transport) -> None:
        for field in ('python', 'preferred_python'):
            error = remote.failure(**{field: "/opt/it's/python"})
            assert error.kind == 'option'
            assert f'`{field}`' in error.remedy

    @pytest.mark.parametrize('made', [None, '#!/bin/sh\nexit 9\n', 'Python 2.7'])
    def test_an_interpreter_to_use_that_does_not_serve(
        self, transport: Transport, tmp_path: Path, made: str | None
    ) -> None:
        python = tmp_path / 'python (3)'
        reason = 'is not there'
        if made == 'Python 2.7':
            python.symlink_to(need_python('2.7'))
            reason = 'has version 2.7, expected 3.6 or later'
        elif made:
            python.write_text(made)
            python.chmod(0o755)
            reason = 'does not start: it ended with status 9'
        error = transport.failure(python=str(python))
        assert (error.kind, error.cause) == ('nopython', f'the Python to use there, {python}, {reason}')
        assert '`python`' in error.remedy

    def test_no_python_names_what_was_tried(self, farm: Farm) -> None:
        bare = farm.host('bare', 'no-python')
        for name, launch in (('ssh', openssh.launch), ('paramiko', paramiko.launch)):
            fields = {'host': bare.address, 'port': bare.port, 'user': 'plain', 'ssh_common_args': bare.ssh_options()}
            error = Transport(name, launch, fields).failure(preferred_python='/opt/python9')
            assert error.kind == 'nopython'
            assert '/opt/python9' in error.cause
            assert 'python3.6' in error.cause
            assert 'nstall' in error.remedy

    def test_unknown_host_key(self, remote: Transport, tmp_path: Path) -> None:
        error = remote.failure(ssh_common_args=with_known_hosts(remote, tmp_path / 'empty'))
        assert error.kind == 'hostkey'
        assert 'SHA256:' in error.cause
        assert 'known_hosts' in error.remedy

    def test_unknown_host_key_is_accepted_without_checking(self, remote: Transport, tmp_path: Path) -> None:
        words = with_known_hosts(remote, tmp_path / 'empty')
        with remote.start(ssh_common_args=words, host_key_checking=False) as started:
            started.until_ready()

    @pytest.mark.parametrize('name', ['ssh', 'paramiko'])
    def test_changed_host_key(self, own_sshd: Sshd, name: str) -> None:
        own_sshd.change_host_key()
        error = over_ssh(name, own_sshd).failure()
        assert error.kind == 'hostkey'
        assert f'{own_sshd.known_hosts}:1' in error.cause
        assert 'ssh-keygen' in error.remedy
        assert str(own_sshd.known_hosts) in error.remedy

    def test_refused_port(self, remote: Transport) -> None:
        error = remote.failure(port=free_port('127.0.0.1'))
        assert error.kind == 'refused'
        assert 'Connection refused' in error.cause

    def test_name_without_address(self, remote: Transport) -> None:
        error = remote.failure(host='no-such-host.invalid')
        assert error.kind == 'refused'
        assert 'no address' in error.cause
        assert '`hostname`' in error.remedy

    def test_server_that_says_nothing(self, remote: Transport) -> None:
        with socket.create_server(('127.0.0.1', 0)) as silent:
            error = remote.failure(port=silent.getsockname()[1], timeout_s=1)
        assert error.kind == 'timeout'

    def test_server_that_hangs_up(self, remote: Transport) -> None:
        with hanging_up() as port:
            error = remote.failure(port=port)
        assert error.kind == 'refused'
        assert 'hung up' in error.cause

    def test_no_accepted_key(self, remote: Transport, tmp_path: Path) -> None:
        words = replaced(remote.fields['ssh_common_args'], 'IdentityFile=', str(new_key(tmp_path)))
        error = remote.failure(ssh_common_args=words)
        assert error.kind == 'auth'
        assert 'publickey' in error.cause

    def test_locked_key_without_passphrase(self, remote: Transport, own_sshd: Sshd, tmp_path: Path) -> None:
        key = new_key(tmp_path, 'open sesame')
        (own_sshd.directory / 'authorized_keys').write_bytes(key.with_suffix('.pub').read_bytes())
        words = replaced(own_sshd.ssh_options(), 'IdentityFile=', str(key))
        error = remote.failure(port=own_sshd.port, ssh_common_args=words)
        assert error.kind == 'auth'
        assert f'{key} needs a passphrase' in error.cause


class TestTheWay:
    def test_noise_of_a_login(self, remote: Transport, host: Host) -> None:
        fields = {'host': host.address, 'port': host.port, 'user': 'noisy', 'ssh_common_args': host.ssh_options()}
        with remote.start(**fields) as started:
            started.until_ready()
            started.unsent += ALL_BYTES
            assert started.read(256) == ALL_BYTES
            assert b'profile noise' in started.err

    def test_through_a_jump_host(self, remote: Transport, sshd: Sshd, own_sshd: Sshd, tmp_path: Path) -> None:
        config = tmp_path / 'config'
        config.write_text(host_section('jump', own_sshd) + host_section('inner', sshd) + '  ProxyJump jump\n')
        with remote.start(host='inner', port=None, user=None, ssh_common_args=['-F', str(config)]) as started:
            started.until_ready()
            started.unsent += ALL_BYTES
            assert started.read(256) == ALL_BYTES
        assert 'Accepted publickey' in own_sshd.log()

    def test_through_a_proxy_command(self, remote: Transport, sshd: Sshd, tmp_path: Path) -> None:
        relay = tmp_path / 'relay.py'
        relay.write_text(RELAY)
        words = ['-o', f'ProxyCommand={sys.executable} {relay} {sshd.host} %p']
        words += [*sshd.ssh_options(), '-o', f'HostKeyAlias=[{sshd.host}]:{sshd.port}']
        with remote.start(host='behind.invalid', ssh_common_args=words) as started:
            started.until_ready()
            started.unsent += ALL_BYTES
            assert started.read(256) == ALL_BYTES

    def test_a_way_that_fails(self, remote: Transport) -> None:
        words = ['-o', 'ProxyCommand=false', *remote.fields['ssh_common_args']]
        error = remote.failure(ssh_common_args=words)
        assert error.kind == 'refused'

    def test_by_a_key_of_the_agent(self, remote: Transport, own_sshd: Sshd, tmp_path: Path) -> None:
        key = new_key(tmp_path)
        (own_sshd.directory / 'authorized_keys').write_bytes(key.with_suffix('.pub').read_bytes())
        with agent_with(key, tmp_path / 'agent') as socket_path:
            words = ['-F', '/dev/null', '-o', f'UserKnownHostsFile={own_sshd.known_hosts}']
            words = [
                word for word, after in zip(words, [*words[1:], ''], strict=False) if (word, after) != ('-o', '-o')
            ]
            env = {'SSH_AUTH_SOCK': str(socket_path)}
            with remote.start(port=own_sshd.port, ssh_common_args=words, env=env) as started:
                started.until_ready()
            assert remote.failure(port=own_sshd.port, ssh_common_args=words, env={}).kind == 'auth'

    @pytest.mark.parametrize('version', ['3.6', '3.13'])
    def test_the_interpreter_that_is_asked_for(self, transport: Transport, version: str) -> None:
        says = b'import os, sys; os.write(1, %r + b"%%d.%%d;" %% sys.version_info[:2]); os.read(0, 1)' % MARKER
        with transport.start(zlib.compress(says), python=need_python(version)) as started:
            started.until_ready()
            assert started.read(len(version) + 1).decode() == version + ';'

    def test_past_an_interpreter_that_does_not_start(self, transport: Transport, tmp_path: Path) -> None:
        shim = tmp_path / 'python3'
        shim.write_text('#!/bin/sh\necho no such version >&2\nexit 127\n')
        shim.chmod(0o755)
        with transport.start(preferred_python=str(shim)) as started:
            started.until_ready()

    def test_the_interpreter_of_modules_comes_before_what_is_found(self, remote: Transport) -> None:
        says = b'import os, sys; os.write(1, %r + b"%%d.%%d;" %% sys.version_info[:2]); os.read(0, 1)' % MARKER
        with remote.start(zlib.compress(says), modules_python=need_python('3.8')) as started:
            started.until_ready()
            assert started.read(4) == b'3.8;'

    def test_the_interpreter_of_modules_is_left_out_where_it_cannot_be_written(self, remote: Transport) -> None:
        with remote.start(modules_python="/opt/it's/python") as started:
            started.until_ready()


SHARING = [
    ['-o', 'ControlMaster=auto', '-o', 'ControlPersist=60', '-o', 'ControlPath={path}'],
    ['-o', 'ControlMaster=auto', '-o', 'ControlPath={path}'],
    ['-o', 'ControlMaster=yes', '-o', 'ControlPath={path}'],
    ['-M', '-S', '{path}'],
    ['-o', 'ControlPath={path}'],
]


class TestSharedConnections:
    """Of ssh alone: ControlMaster and ControlPath."""

    @pytest.fixture(params=SHARING, ids=' '.join)
    def words(self, request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
        return [word.format(path=tmp_path / 'master') for word in request.param]

    def assert_lives_without_its_terminal(self, started: Drive) -> None:
        started.process.close_tty()
        started.unsent += b'still here'
        assert started.read(10) == b'still here'

    def test_it_is_no_master(self, sshd: Sshd, words: list[str], tmp_path: Path) -> None:
        with over_ssh('ssh', sshd).start(ssh_args=words) as started:
            started.until_ready()
            self.assert_lives_without_its_terminal(started)
            assert not (tmp_path / 'master').exists()

    def test_it_does_not_end_with_a_master(self, sshd: Sshd, words: list[str], tmp_path: Path) -> None:
        with master_at(sshd, tmp_path / 'master') as end, over_ssh('ssh', sshd).start(ssh_args=words) as started:
            started.until_ready()
            end()
            self.assert_lives_without_its_terminal(started)

    def test_a_master_is_used_where_nothing_else_gets_there(self, own_sshd: Sshd, tmp_path: Path) -> None:
        with master_at(own_sshd, tmp_path / 'master') as end:
            (own_sshd.directory / 'authorized_keys').write_bytes(b'')
            words = ['-o', 'ControlMaster=auto', '-o', f'ControlPath={tmp_path}/master']
            with over_ssh('ssh', own_sshd).start(ssh_args=words) as started:
                started.until_ready()
                self.assert_lives_without_its_terminal(started)
            assert end() == 0  # it was still there


@contextlib.contextmanager
def master_at(server: Sshd, path: Path) -> Iterator[Callable[[], int]]:
    """A master of the user's own; gives a function that ends it and tells whether (0) it was there."""
    words = [need_program('sshd', 'ssh'), *server.ssh_options(), '-p', str(server.port), '-l', server.user]
    words += ['-S', str(path)]
    subprocess.run([*words, '-f', '-N', '-M', '-o', 'ControlPersist=600', server.host], check=True)

    def end() -> int:
        return subprocess.run([*words, '-O', 'exit', server.host], stderr=subprocess.DEVNULL).returncode

    try:
        yield end
    finally:
        end()


class TestPasswords:
    def test_right(self, by_password: Transport) -> None:
        with by_password.start() as started:
            started.until_ready()

    def test_wrong(self, by_password: Transport) -> None:
        error = by_password.failure(password='battery staple')
        assert error.kind == 'auth'
        assert 'password was refused' in error.cause
        assert 'battery' not in str(error)

    def test_wrong_is_tried_once(self, by_password: Transport, host: Host) -> None:
        before = host.log().count('Failed password')
        by_password.failure(password='battery staple')
        assert host.log().count('Failed password') == before + 1

    def test_absent(self, by_password: Transport) -> None:
        error = by_password.failure(password=None)
        assert error.kind == 'auth'
        assert 'password' in error.cause

    def test_appear_nowhere(self, by_password: Transport) -> None:
        with by_password.start() as started:
            started.until_ready()
            assert PASSWORD not in repr((by_password.spec(), started.process, started.dialogue))
            for pid in [os.getpid(), *descendants(os.getpid())]:
                with contextlib.suppress(OSError):
                    assert PASSWORD.encode() not in Path(f'/proc/{pid}/cmdline').read_bytes()
            if started.process.pid:
                assert PASSWORD.encode() not in Path(f'/proc/{started.process.pid}/environ').read_bytes()

    def test_passphrase_of_a_key(self, remote: Transport, own_sshd: Sshd, tmp_path: Path) -> None:
        key = new_key(tmp_path, 'open sesame')
        (own_sshd.directory / 'authorized_keys').write_bytes(key.with_suffix('.pub').read_bytes())
        words = replaced(own_sshd.ssh_options(), 'IdentityFile=', str(key))
        with remote.start(port=own_sshd.port, ssh_common_args=words, passphrase='open sesame') as started:
            started.until_ready()


def is_at_end(fifo: int) -> bool:
    try:
        return os.read(fifo, 1) == b''
    except BlockingIOError:
        return False


def host_section(name: str, server: Sshd) -> str:
    options = [word for word in server.ssh_options() if '=' in word]
    lines = [f'HostName {server.host}', f'Port {server.port}', f'User {server.user}', *options]
    return f'Host {name}\n' + ''.join(f'  {line}\n' for line in lines)


def end_input(started: Drive) -> None:
    with socket.socket(fileno=os.dup(started.process.in_fd)) as end:
        end.shutdown(socket.SHUT_WR)


def with_known_hosts(transport: Transport, path: Path) -> list[str]:
    return replaced(transport.fields['ssh_common_args'], 'UserKnownHostsFile=', str(path))


def replaced(words: list[str], name: str, value: str) -> list[str]:
    return [name + value if word.startswith(name) else word for word in words]


def new_key(directory: Path, passphrase: str = '') -> Path:
    keygen = need_program('sshd', 'ssh-keygen')
    path = directory / 'key'
    subprocess.run([keygen, '-q', '-t', 'ed25519', '-N', passphrase, '-f', str(path)], check=True)
    return path


@contextlib.contextmanager
def agent_with(key: Path, socket_path: Path) -> Iterator[Path]:
    """An ssh-agent that holds `key`."""
    process = subprocess.Popen(
        [need_program('sshd', 'ssh-agent'), '-D', '-a', str(socket_path)], stdout=subprocess.DEVNULL
    )
    try:
        wait_until(socket_path.exists, seconds(10), 'the agent listens')
        env = os.environ | {'SSH_AUTH_SOCK': str(socket_path)}
        subprocess.run([need_program('sshd', 'ssh-add'), '-q', str(key)], env=env, check=True)
        yield socket_path
    finally:
        process.terminate()
        process.wait(seconds(10))


@contextlib.contextmanager
def hanging_up() -> Iterator[int]:
    """A port where every connection is closed at once."""
    with socket.create_server(('127.0.0.1', 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    server.accept()[0].close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(seconds(10))
