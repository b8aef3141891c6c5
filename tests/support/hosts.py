"""Throw-away hosts: real Linux hosts with a name, accounts, sudo, files and processes of their own, in some 50 ms each.

Each is an overlay over this machine's root in new mount, name, IPC and process namespaces, with sshd as its first
process on a loopback address. Needs root. Ending that process ends everything on the host, mounts included.
"""

import hashlib
import os
import random
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.interpreters import pyenv_root
from tests.support.need import need_program, need_root
from tests.support.sshd import descendants, is_open, kill, make_key
from tests.support.timing import seconds, wait_until

CHECKOUT = Path(__file__).resolve().parents[2]
PORT = 2222

# The password of every account of the hosts, and its crypt(3) form (openssl passwd -6 -salt svcfwtest).
PASSWORD = 'correct horse'
PASSWORD_HASH = '$6$svcfwtest$lpzjM8DsfVYy9atBMd8oC2aN40IlGlDTdARVUXTtWrUHcmaLFHI6jTikmdzIRkbEXjhhK1amRX/clT2VOh/qr0'

CONFIG = f"""\
HostKey /etc/ssh/svcfw/host_key
AuthorizedKeysFile /etc/ssh/svcfw/authorized_keys
PidFile none
UsePAM no
UseDNS no
PermitRootLogin yes
PasswordAuthentication yes
MaxStartups 1000:30:2000
MaxSessions 1000
LogLevel VERBOSE
Port {PORT}
Subsystem sftp internal-sftp
"""

# Written by sshd, sudo and login themselves, whichever way a task comes in.
UNCOUNTED = ('run/sudo', 'run/sshd', 'run/utmp', 'run/faillock', 'upper/var/log', 'upper/var/lib/sudo', 'upper/proc')
# Come into the overlay with the first file written below them.
PARENTS = ('upper/var', 'upper/var/lib')


class Host:
    """One running host. Attributes: name, address, port, key (every account accepts it), known_hosts, log, pid."""

    def __init__(self, name: str, address: str, directory: Path, keys: Path, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.address = address
        self.port = PORT
        self.directory = directory
        self.key = keys / 'user_key'
        self.known_hosts = directory / 'known_hosts'
        self._process = process
        self._baseline: dict[str, str] = {}

    @property
    def pid(self) -> int:
        """The process (outside) whose end is the host's end."""
        return self._process.pid

    def log(self) -> str:
        """What sshd has logged so far."""
        return (self.directory / 'log').read_text(errors='replace')

    def path(self, inside: str) -> Path:
        """Where this machine sees the host's absolute path `inside`."""
        init = descendants(self.pid)[0]
        return Path(f'/proc/{init}/root') / inside.lstrip('/')

    def processes(self) -> list[str]:
        """Command lines of all the host's processes but its first."""
        lines = []
        for pid in descendants(self.pid)[1:]:
            try:
                words = Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0')
            except OSError:
                continue
            if words != [b'']:
                lines.append(b' '.join(words).decode(errors='replace').strip())
        return lines

    def kill_sessions(self) -> None:
        """SIGKILL everything on the host but the listener."""
        for pid in descendants(self.pid)[1:]:
            kill(pid)

    def remember_state(self) -> None:
        """Take the files as they are now as the state before the run."""
        self._baseline = self._files()

    def changes(self) -> dict[str, str]:
        """Path -> what it is now (kind, mode, owner, content digest) or 'absent', for all that changed since then."""
        now = self._files()
        changed = {path: now.get(path, 'absent') for path in now.keys() | self._baseline.keys()}
        return {path: text for path, text in sorted(changed.items()) if text != self._baseline.get(path)}

    def _files(self) -> dict[str, str]:
        disk = Path(f'/proc/{self.pid}/root{self.directory}/disk')
        found: dict[str, str] = {}
        for part, prefix in (('upper', ''), ('tmp', '/tmp'), ('vartmp', '/var/tmp'), ('run', '/run')):
            for folder, folders, files in os.walk(disk / part):
                inside = prefix + folder[len(str(disk / part)) :]
                folders[:] = [name for name in folders if name != '__pycache__']
                folders[:] = [name for name in folders if not is_uncounted(disk, folder, name)]
                for name in [*folders, *files]:
                    if os.path.relpath(os.path.join(folder, name), disk) not in UNCOUNTED + PARENTS:
                        found[f'{inside}/{name}'] = describe(Path(folder, name))
        return found

    def stop(self) -> None:
        """End the host with all that runs and is mounted there."""
        kill(self.pid)
        self._process.wait(seconds(10))
        wait_until(lambda: not is_open(self.address, self.port), seconds(10), f'{self.name} is gone')

    def ssh_options(self, key: bool = True) -> list[str]:
        """Arguments that make an `ssh` client depend on nothing of this account."""
        options: dict[str, object] = {'UserKnownHostsFile': self.known_hosts, 'GlobalKnownHostsFile': '/dev/null'}
        if key:
            options |= {'IdentityFile': self.key, 'IdentitiesOnly': 'yes'}
        return ['-F', '/dev/null'] + [word for name, value in options.items() for word in ('-o', f'{name}={value}')]

    def inventory_vars(self, user: str = 'plain', password: bool = False) -> dict[str, object]:
        """Variables of an Ansible host, logging in by key or by password."""
        variables: dict[str, object] = {
            'ansible_host': self.address,
            'ansible_port': self.port,
            'ansible_user': user,
            'ansible_ssh_common_args': ' '.join(self.ssh_options(key=False)),
        }
        if password:
            return variables | {'ansible_password': PASSWORD}
        return variables | {'ansible_ssh_private_key_file': str(self.key)}


class Farm:
    """Starts hosts with one set of keys, and ends them all."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._keys = directory / 'keys'
        self._keys.mkdir(parents=True)
        keygen = need_program('sshd', 'ssh-keygen')
        make_key(keygen, self._keys / 'host_key')
        make_key(keygen, self._keys / 'user_key')
        # The machine's may change while tests run; hosts that are compared have to start out the same.
        self._accounts = directory / 'accounts'
        self._accounts.mkdir(mode=0o700)
        for name in ('passwd', 'shadow', 'group', 'gshadow', 'subuid', 'subgid'):
            if Path('/etc', name).exists():
                shutil.copy2(Path('/etc', name), self._accounts / name)
                shutil.chown(self._accounts / name, Path('/etc', name).stat().st_uid, Path('/etc', name).stat().st_gid)
        self._hosts: list[Host] = []

    def host(self, name: str = 'target', *flags: str, cgroup: Path | None = None, sshd: str = '') -> Host:
        """Start a host called `name` and wait for its sshd; more than one may have the same name.

        `flags`: 'no-python' (none anywhere), 'noexec-tmp'. `cgroup`: the cgroup folder its processes are to live in.
        `sshd`: lines for its sshd_config, which go before ours.
        """
        directory = self._directory / f'{len(self._hosts)}-{name}'
        directory.mkdir()
        address = free_address()
        self._write_files(directory, address, sshd)
        host = Host(name, address, directory, self._keys, start(name, directory, self._accounts, flags, cgroup))
        self._hosts.append(host)
        wait_until(lambda: answers(host), seconds(20), f'host {name} answers; its log:\n{host.log()}')
        host.remember_state()
        return host

    def _write_files(self, directory: Path, address: str, sshd: str) -> None:
        for name, source in (('host_key', 'host_key'), ('authorized_keys', 'user_key.pub')):
            shutil.copy(self._keys / source, directory / name)
        (directory / 'sshd_config').write_text(f'{sshd}\n{CONFIG}ListenAddress {address}\n')
        kind, text = (self._keys / 'host_key.pub').read_text().split()[:2]
        (directory / 'known_hosts').write_text(f'[{address}]:{PORT} {kind} {text}\n')

    def stop(self) -> None:
        """End every host."""
        for host in self._hosts:
            host.stop()


def start(
    name: str, directory: Path, accounts: Path, flags: tuple[str, ...], cgroup: Path | None
) -> 'subprocess.Popen[bytes]':
    """The `unshare` process of a new host; it is not ready yet."""
    hidden = [CHECKOUT, *([pyenv_root()] if 'no-python' in flags else [])]
    environment = os.environ | {
        'DIR': str(directory),
        'NAME': name,
        'ACCOUNTS': str(accounts),
        'FLAGS': ' '.join(flags),
        'HIDE': '\n'.join(str(folder) for folder in hidden if folder.is_dir()),
        'PASSWORD_HASH': PASSWORD_HASH,
        'INIT': str(Path(__file__).with_name('host_init.sh')),
    }
    # unshare blocks SIGTERM while its child runs and has to be killed; pdeathsig ends the host if the tests are killed.
    unshare = 'unshare --mount --uts --pid --ipc --fork --kill-child --propagation private /bin/bash "$INIT"'
    enter = f'echo $$ >{cgroup}/cgroup.procs && ' if cgroup else ''
    with (directory / 'log').open('wb') as log:
        return subprocess.Popen(
            ['/bin/sh', '-c', f'{enter}exec setpriv --pdeathsig KILL {unshare}'],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def answers(host: Host) -> bool:
    """Whether the host's sshd accepts connections; AssertionError with its log if it has ended."""
    if host._process.poll() is not None:
        raise AssertionError(f'host {host.name} ended at once:\n{host.log()}')
    return is_open(host.address, host.port)


def free_address() -> str:
    """A loopback address on which nothing listens at our port; random, as test runs may be side by side."""
    while True:
        address = f'127.{random.randrange(64, 128)}.{random.randrange(256)}.{random.randrange(1, 255)}'
        if not is_open(address, PORT):
            return address


def is_uncounted(disk: Path, folder: str, name: str) -> bool:
    """Whether a file belongs to the host's own daemons and is no part of its state."""
    return os.path.relpath(os.path.join(folder, name), disk) in UNCOUNTED


def describe(path: Path) -> str:
    """One line that tells a file's kind, mode, owner and content, not its times."""
    status = path.lstat()
    owner = f'{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}'
    if stat.S_ISLNK(status.st_mode):
        return f'{owner} -> {os.readlink(path)}'
    if stat.S_ISREG(status.st_mode):
        return f'{owner} {status.st_size} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}'
    return owner


@contextmanager
def running_farm(directory: Path) -> Iterator[Farm]:
    """A farm under `directory`, ended on leaving. Skips without root or sshd."""
    need_root()
    need_program('sshd', 'sshd')
    farm = Farm(directory)
    try:
        yield farm
    finally:
        farm.stop()
