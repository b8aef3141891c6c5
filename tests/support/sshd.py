"""A real OpenSSH server of the test's own: its configuration, host keys, user key and port; needs no root.

Logins are those of the account that runs the tests, by key. Accounts with passwords, sudo and the like: `hosts.py`.
"""

import getpass
import itertools
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.need import need, need_program
from tests.support.timing import seconds, wait_until

LOOPBACK = '127.0.0.1'

# Below the ports that systems give to clients, and for each of the processes that run tests side by side another part.
PORTS_OF_ONE = 1000
WORKER = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0').removeprefix('gw'))
FIRST_PORT = 12000 + PORTS_OF_ONE * (WORKER % 16)
PORTS = itertools.cycle(random.sample(range(FIRST_PORT, FIRST_PORT + PORTS_OF_ONE), PORTS_OF_ONE))

# MaxStartups: the default refuses parallel logins beyond ten. UsePAM no: PAM wants root and the machine's own set-up.
# SHLVL: so bash reads no ~/.bashrc; what a developer has there takes its time, and leaves locks when a test kills it.
CONFIG = """\
ListenAddress {host}:{port}
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/authorized_keys
PidFile none
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
PubkeyAuthentication yes
PermitRootLogin yes
PermitUserEnvironment no
MaxStartups 1000:30:2000
MaxSessions 1000
LoginGraceTime 30
LogLevel VERBOSE
SetEnv SHLVL=1
Subsystem sftp internal-sftp
{extra}
"""


class Sshd:
    """One server and what a client needs to reach it. Attributes: host, port, user, key, known_hosts, directory."""

    def __init__(self, directory: Path, sshd: str, keygen: str, extra: str = '') -> None:
        self.directory = directory
        self.host = LOOPBACK
        self.port = free_port(self.host)
        self.user = getpass.getuser()
        self.key = directory / 'user_key'
        self.known_hosts = directory / 'known_hosts'
        self._sshd = sshd
        self._keygen = keygen
        self._process: subprocess.Popen[bytes] | None = None
        make_key(keygen, directory / 'host_key')
        make_key(keygen, self.key)
        shutil.copy(directory / 'user_key.pub', directory / 'authorized_keys')
        self.trust(directory / 'host_key.pub')
        (directory / 'sshd_config').write_text(
            CONFIG.format(host=self.host, port=self.port, directory=directory, extra=extra)
        )

    def trust(self, public_key: Path) -> None:
        """Make `known_hosts` name `public_key` as this server's, and nothing else."""
        kind, text = public_key.read_text().split()[:2]
        self.known_hosts.write_text(f'[{self.host}]:{self.port} {kind} {text}\n')

    def change_host_key(self) -> None:
        """Give the server another host key, which `known_hosts` does not know; takes effect for new connections."""
        self.stop()
        (self.directory / 'host_key').unlink()
        make_key(self._keygen, self.directory / 'host_key')
        self.start()

    def start(self) -> None:
        """Start the server and return once it accepts connections."""
        privilege_separation = Path('/run/sshd')
        if os.geteuid() == 0:
            privilege_separation.mkdir(mode=0o755, exist_ok=True)
        with (self.directory / 'log').open('ab') as log:
            self._process = subprocess.Popen(
                [self._sshd, '-D', '-e', '-f', str(self.directory / 'sshd_config')],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, seconds(10), f'sshd answers on port {self.port}; its log:\n{self.log()}')

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f'sshd ended at once:\n{self.log()}')
        return is_open(self.host, self.port)

    def stop(self) -> None:
        """End the listener; sessions already open go on (as with any sshd)."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(seconds(10))
            self._process = None
            # A process for a connection has the listening socket, too, for its first moments.
            wait_until(lambda: not is_open(self.host, self.port), seconds(10), f'nobody answers on port {self.port}')

    def kill_sessions(self) -> None:
        """SIGKILL every session of this server, as when its machine goes down; the listener stays."""
        for pid in self.session_pids():
            kill(pid)

    def session_pids(self) -> list[int]:
        """Processes below the listener (one or two for each login, and what they started)."""
        return descendants(self._process.pid) if self._process is not None else []

    def log(self) -> str:
        """What the server has logged so far."""
        path = self.directory / 'log'
        return path.read_text(errors='replace') if path.exists() else ''

    def ssh_options(self) -> list[str]:
        """Arguments for the `ssh` binary that make it depend on nothing of the account that runs the tests."""
        options = {
            'IdentityFile': self.key,
            'IdentitiesOnly': 'yes',
            'UserKnownHostsFile': self.known_hosts,
            'GlobalKnownHostsFile': '/dev/null',
        }
        return ['-F', '/dev/null'] + [word for name, value in options.items() for word in ('-o', f'{name}={value}')]

    def inventory_vars(self) -> dict[str, object]:
        """Variables of an Ansible host on this server."""
        return {
            'ansible_host': self.host,
            'ansible_port': self.port,
            'ansible_user': self.user,
            'ansible_ssh_private_key_file': str(self.key),
            'ansible_ssh_common_args': ' '.join(self.ssh_options()),
        }


@contextmanager
def running_sshd(directory: Path, extra: str = '') -> Iterator[Sshd]:
    """A server under `directory`, which is made; `extra` is more sshd_config text. Skips where there is no sshd."""
    sshd = need_program('sshd', 'sshd')
    keygen = need_program('sshd', 'ssh-keygen')
    shell = os.path.basename(pwd.getpwuid(os.geteuid()).pw_shell)
    need('sshd', shell not in ('nologin', 'false'), 'this account has no login shell')
    directory.mkdir(parents=True, exist_ok=True)
    server = Sshd(directory, sshd, keygen, extra)
    server.start()
    try:
        yield server
    finally:
        server.kill_sessions()
        server.stop()


def make_key(keygen: str, path: Path) -> None:
    """A new ed25519 pair without a passphrase at `path` and `path`.pub."""
    subprocess.run([keygen, '-q', '-t', 'ed25519', '-N', '', '-C', 'svcfw test', '-f', str(path)], check=True)


def free_port(host: str) -> int:
    """A TCP port of `host` on which nobody listens, now or once its server has stopped.

    Not one that the system chooses: those are given to clients as well, and to the next who asks.
    """
    while True:
        port = next(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        return port


def is_open(host: str, port: int) -> bool:
    """Whether something accepts TCP connections there."""
    try:
        with socket.create_connection((host, port), timeout=seconds(1)) as connection:
            # Where nobody listens, a client that happens to get this very port for itself is connected to itself.
            return bool(connection.getsockname() != connection.getpeername())
    except OSError:
        return False


def kill(pid: int) -> None:
    """SIGKILL `pid`, which may be gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def descendants(pid: int) -> list[int]:
    """Every live process below `pid`, by /proc, children before grandchildren."""
    children: dict[int, list[int]] = {}
    for entry in Path('/proc').iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / 'stat').read_text().rpartition(')')[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = []
    queue = [pid]
    while queue:
        below = children.get(queue.pop(0), [])
        found += below
        queue += below
    return found
