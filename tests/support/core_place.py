"""The place in which an integration target of ansible-core runs: its controller, its testhost, and what it finds there.

As under ansible-test: a role by a play around it, a script as it stands, with the same inventory, variables and
environment; but `testhost` is reached over the connection under test, never by `local`. The controller is a throw-away
host as well, as the targets make accounts and install packages there.
"""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

from tests.support.core_source import TARGETS
from tests.support.core_targets import Target
from tests.support.hosts import CHECKOUT, Farm, Host
from tests.support.sshd import descendants
from tests.support.timing import seconds
from tests.support.venvs import Core, cache, site_packages

# Where the release's `test` folder is on the controller. ansible-test, too, has a name there that is not ASCII.
TREE = '/srv/ansible-ÅÑŚÌβŁÈ'
OUTPUT = f'{TREE}/test/results/.tmp/output_dir'
INTEGRATION = f'{TREE}/test/integration'
INVENTORY = f'{INTEGRATION}/inventory'
# Holds virtualenv.sh, which scripts source.
INJECTOR = f'{TREE}/test/lib/ansible_test/_util/target/injector'
SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

# In the place of a connection: that of ssh, with our strategies in the place of core's.
LED = 'ssh, led by a strategy'
STRATEGY = re.compile(r'(strategy:\s*|ANSIBLE_STRATEGY=)(linear|free|host_pinned)\b')

# What pip and package managers on the controller need of this machine.
PASSED_ON = re.compile(r'PIP_.*|SSL_CERT_.*|REQUESTS_CA_BUNDLE|(http|https|no)_proxy', re.I)

TIMEOUT_S = 600

# Open files of a process, on the controller and of modules.
MAX_FILES = 1024

# Targets that reach their host at several addresses, and look which one it was.
OWN_ADDRESSES = frozenset({'delegate_to'})

# Inventories that go by the PATH of the script that runs ansible-playbook, which no login has.
LOCAL = frozenset({'inventory_interpreters'})

# The key is root's alone, as targets try other accounts' passwords. Without PAM, sshd refuses accounts that have none.
SSHD = 'AuthorizedKeysFile .ssh/authorized_keys\nUsePAM yes'

# Makes a new host what ansible-test's are: nothing of this machine's root, pip may install for all, packages do not
# index manual pages for half a minute, there is /sys, and a restart of the service `ssh` leaves the sshd that is the
# first process.
FURNISH = r"""
set -e
cd /root
rm -rf .ansible .bash* .config .profile .ssh /usr/lib/python3*/EXTERNALLY-MANAGED /var/lib/man-db/auto-update
mkdir -m 700 .ssh
cp /etc/ssh/svcfw/authorized_keys .ssh
mount -t sysfs -o ro sysfs /sys
if [ -e /etc/init.d/ssh ]; then printf '#!/bin/sh\nexit 0\n' >/etc/init.d/ssh; fi
"""

# In a network of its own, the host answers at these addresses.
ADDRESSES = ('127.0.0.1', '127.0.0.3', '127.0.0.4', '127.0.0.254')
OWN_NETWORK = f"""
ip link set lo up
listen='{' '.join(f'-o ListenAddress={each}' for each in ADDRESSES)}'
/usr/sbin/sshd -E /proc/1/fd/2 -f /etc/ssh/svcfw/sshd_config $listen
exec "$0" "$@"
"""


class Place:
    """A controller with the release's tests, and the host that they work on: itself for those that share its files."""

    def __init__(self, core: Core, source: Path, connection: str, target: Target, farm: Farm) -> None:
        """Starts the hosts in `farm`, whose owner ends them. `connection`: what ansible_connection is to be, or LED."""
        self._core = core
        self._source = source
        self._is_led = connection == LED
        self._connection = 'ssh' if self._is_led else connection
        self._target = target
        self._own_network = target.name in OWN_ADDRESSES
        names = ['controller'] if target.is_on_controller else ['controller', 'testhost']
        hosts = [farm.host(name, sshd=SSHD) for name in names]
        self._controller, self._testhost = hosts[0], hosts[-1]
        for host in hosts:
            shell(host, FURNISH)
        for folder, path in ((CHECKOUT, str(CHECKOUT)), (cache(), str(cache())), (source, TREE)):
            mount_copy(self._controller, folder, path)
        self._write_login()
        self._write(INVENTORY, self._inventory())
        self._write(f'{INTEGRATION}/integration.cfg', '')
        for file in filter(is_inventory, target.directory.rglob('*')):
            self._put_under_test(file.relative_to(source))
        for file in target.directory.rglob('*') if self._is_led else ():
            self._lead(file.relative_to(source))

    def in_order(self) -> list[Target]:
        """What is to be run, the target itself last."""
        return [*(Target.load(self._source, name) for name in self._target.setup), self._target]

    def logins(self) -> int:
        """How many sessions testhost's sshd has opened."""
        return self._testhost.log().count('Accepted publickey')

    def run(self, target: Target, output: int) -> bool:
        """Run one target to its end, in a fresh output folder; TimeoutExpired if it takes too long."""
        shell(self._controller, f'rm -rf {OUTPUT}; mkdir -p {OUTPUT}')
        if target.is_script:
            folder = f'{INTEGRATION}/targets/{target.name}'
            command = ['./runme.sh']
        else:
            folder = INTEGRATION
            command = ['ansible-playbook', f'{target.name}.yml', '-i', 'inventory']
            play = {'hosts': 'testhost', 'gather_facts': target.gathers_facts, 'vars': {'output_dir': OUTPUT}}
            self._write(f'{folder}/{command[1]}', json.dumps([{**play, 'roles': [target.name]}]))
        environment = self._environment(target) | {'ANSIBLE_PLAYBOOK_DIR': folder}
        if not target.is_script:
            environment['ANSIBLE_ROLES_PATH'] = f'{INTEGRATION}/targets'
        if self._testhost is self._controller:
            # Over `local`, which such targets are written for, tasks have the controller's environment.
            exports = (f'export {name}={shlex.quote(value)}\n' for name, value in environment.items())
            self._write('/root/.bashrc', ''.join(exports))
        command = ['prlimit', f'--nofile={MAX_FILES}:', *command]
        if self._own_network:
            command = ['unshare', '--net', 'sh', '-c', OWN_NETWORK, *command]
        done = subprocess.run(
            inside(self._controller, folder, command),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=seconds(TIMEOUT_S),
        )
        return done.returncode == 0

    def _environment(self, target: Target) -> dict[str, str]:
        passed_on = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
        return {
            **passed_on,
            'HOME': '/root',
            'LC_ALL': 'C.UTF-8',
            'PATH': f'{self._core.directory}/bin:{INJECTOR}:{SYSTEM_PATH}',
            'PAGER': '/bin/cat',
            'PYTHONPATH': '',
            'OUTPUT_DIR': OUTPUT,
            'INVENTORY_PATH': INVENTORY,
            'JUNIT_OUTPUT_DIR': f'{TREE}/test/results/junit',
            'ANSIBLE_CONFIG': f'{INTEGRATION}/integration.cfg',
            'ANSIBLE_COLLECTIONS_PATH': ':'.join(collection_roots(self._source)),
            # Hosts of a target's own that name no connection are to be reached over the one under test.
            'ANSIBLE_TRANSPORT': self._connection,
            'ANSIBLE_PYTHON_INTERPRETER': '/set/ansible_python_interpreter/in/inventory',
            'ANSIBLE_PYTHON_MODULE_RLIMIT_NOFILE': str(MAX_FILES),
            'ANSIBLE_INVENTORY_PLUGIN_EXTS': '.yaml, .yml, .json, .winrm, .networking',
            'ANSIBLE_FORCE_COLOR': 'false',
            'ANSIBLE_FORCE_HANDLERS': 'true',
            'ANSIBLE_HOST_PATTERN_MISMATCH': 'error',
            'ANSIBLE_INVENTORY': '/dev/null',
            'ANSIBLE_DEPRECATION_WARNINGS': 'false',
            'ANSIBLE_HOST_KEY_CHECKING': 'false',
            'ANSIBLE_RETRY_FILES_ENABLED': 'false',
            'ANSIBLE_LIBRARY': '/dev/null',
            'ANSIBLE_DEVEL_WARNING': 'false',
            'ANSIBLE_WORKER_SHUTDOWN_POLL_COUNT': '100',
            'ANSIBLE_WORKER_SHUTDOWN_POLL_DELAY': '0.1',
            'ANSIBLE_CALLBACKS_ENABLED': 'junit',
            'ANSIBLE_TEST_PYTHON_INTERPRETER': str(self._core.python),
            'ANSIBLE_TEST_PYTHON_VERSION': site_packages(self._core).parent.name.removeprefix('python'),
            'ANSIBLE_TEST_CI': '',
            'ANSIBLE_TEST_COVERAGE': '',
            'ANSIBLE_TEST_ANSIBLE_VERSION': self._source.name.partition('-')[2],
            **({'ANSIBLE_STRATEGY': 'svcfw.svcfw.linear'} if self._is_led else {}),
            **target.environment,
        }

    def _inventory(self) -> str:
        python = self._core.python if self._target.is_on_controller else '/usr/bin/python3'
        variables = {
            'ansible_connection': self._connection,
            'ansible_pipelining': 'yes',
            'ansible_python_interpreter': python,
            'ansible_host': self._testhost.address,
            'ansible_port': self._testhost.port,
            'ansible_user': 'root',
            'ansible_ssh_private_key_file': '/root/.ssh/id_test',
        }
        return f'[testgroup]\ntesthost {" ".join(f"{name}={value}" for name, value in variables.items())}\n'

    def _write_login(self) -> None:
        """Let root's ssh reach testhost by whichever name, as it reaches localhost under ansible-test."""
        host = self._testhost
        known = host.known_hosts.read_text().split(maxsplit=1)[1]
        config = {
            'Port': host.port,
            'IdentityFile': '/root/.ssh/id_test',
            'HostKeyAlias': 'testhost',
        }
        pattern, address = ('testhost*', ADDRESSES[0]) if self._own_network else ('*', host.address)
        text = ''.join(f'  {name} {value}\n' for name, value in config.items())
        self._write('/root/.ssh/config', f'Host {pattern}\n  HostName {address}\nHost *\n{text}')
        self._write('/root/.ssh/known_hosts', f'testhost {known}')
        self._write('/root/.ssh/id_test', host.key.read_text())
        shell(self._controller, 'chmod 600 /root/.ssh/*')

    def _put_under_test(self, file: Path) -> None:
        """Have an inventory of a target's own use the connection under test where it says local or ssh."""
        text = (self._source / file).read_text()
        changed = re.sub(r'(ansible_connection\s*[=:]\s*)(local|ssh)\b', rf'\g<1>{self._connection}', text)
        if changed != text:
            self._write(f'{TREE}/{file}', changed)

    def _lead(self, file: Path) -> None:
        """Have a file of a target's own name our strategies where it names core's."""
        try:
            text = (self._source / file).read_text()
        except (OSError, UnicodeDecodeError):
            return
        changed = STRATEGY.sub(r'\1svcfw.svcfw.\2', text)
        if changed != text:
            self._write(f'{TREE}/{file}', changed)

    def _write(self, path: str, text: str) -> None:
        file = self._controller.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def collection_roots(source: Path) -> list[str]:
    """Where, on the controller, targets keep collections that they share."""
    found = source.glob(f'{TARGETS}/*/ansible_collections/ansible_test')
    return [f'{TREE}/{folder.parents[1].relative_to(source)}' for folder in sorted(found)]


def is_inventory(file: Path) -> bool:
    """Whether a file of a target is an inventory, by its name, whose hosts may be reached over another connection."""
    return file.is_file() and ('inventory' in file.name or file.name.startswith('hosts')) and file.name not in LOCAL


def mount_copy(host: Host, source: Path, path: str) -> None:
    """Lay a copy of this machine's folder `source` at the host's `path`; what is written there goes with the host."""
    script = """
        set -e
        mkdir -p "$DISK/root$AT"; new=$(mktemp -d "$DISK/copyXXXX"); mkdir "$new/upper" "$new/work"
        mount -t overlay overlay -o "lowerdir=$SOURCE,upperdir=$new/upper,workdir=$new/work" "$DISK/root$AT"
    """
    enter = ['nsenter', f'--mount=/proc/{descendants(host.pid)[0]}/ns/mnt']
    variables = {'DISK': f'{host.directory}/disk', 'AT': path, 'SOURCE': str(source)}
    subprocess.run([*enter, 'sh', '-c', script], env={**os.environ, **variables}, check=True)


def inside(host: Host, folder: str, command: list[str]) -> list[str]:
    """Arguments that run `command` in `folder` on `host`; it ends with the host."""
    enter = ['nsenter', '--target', str(descendants(host.pid)[0]), '--mount', '--uts', '--ipc', '--pid']
    return [*enter, 'chroot', f'{host.directory}/disk/root', 'sh', '-c', 'cd "$0" && exec "$@"', folder, *command]


def shell(host: Host, script: str) -> None:
    """Run a line of shell as root on `host`."""
    subprocess.run(inside(host, '/', ['sh', '-c', script]), check=True)
