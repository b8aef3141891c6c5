"""What a test host has for parity beyond what every throw-away host has: accounts, rules for them, programs."""

import shutil
from pathlib import Path

from tests.support.hosts import PASSWORD_HASH, Host

STUBS = Path(__file__).with_name('stubs')

#: name -> (uid, login shell, line of sudoers)
ACCOUNTS = {
    'tty': (6101, '/bin/bash', 'Defaults:tty requiretty\ntty ALL=(ALL:ALL) NOPASSWD: ALL'),
    'ttypw': (6102, '/bin/bash', 'Defaults:ttypw requiretty\nttypw ALL=(ALL:ALL) PASSWD: ALL'),
    'lectured': (6103, '/bin/bash', 'Defaults:lectured lecture=always\nlectured ALL=(ALL:ALL) PASSWD: ALL'),
    'prompted': (6104, '/bin/bash', (
        'Defaults:prompted passprompt_override, passprompt="[over there] password for %p: "\n'
        'prompted ALL=(ALL:ALL) PASSWD: ALL'
    )),
    'limited': (6105, '/bin/bash', 'limited ALL=(other) NOPASSWD: ALL'),
    'fishy': (6106, '/usr/bin/fish', 'fishy ALL=(ALL:ALL) NOPASSWD: ALL'),
    'tcshy': (6107, '/usr/bin/tcsh', 'tcshy ALL=(ALL:ALL) NOPASSWD: ALL'),
    'zshy': (6108, '/usr/bin/zsh', 'zshy ALL=(ALL:ALL) NOPASSWD: ALL'),
    'dashy': (6109, '/bin/sh', 'dashy ALL=(ALL:ALL) NOPASSWD: ALL'),
    'hermit': (6110, '/bin/bash', 'hermit ALL=(ALL:ALL) NOPASSWD: ALL'),
    'homeless': (6111, '/bin/bash', ''),
    'shut': (6112, '/usr/sbin/nologin', ''),
    'worker': (6113, '/bin/bash', ''),
    'masked': (6114, '/bin/bash', 'Defaults:masked umask=0027, umask_override\nmasked ALL=(ALL:ALL) NOPASSWD: ALL'),
    'pathed': (6115, '/bin/bash', (
        'Defaults:pathed secure_path="/opt/first:/usr/bin:/bin", !env_reset\npathed ALL=(ALL:ALL) NOPASSWD: SETENV: ALL'
    )),
    'chatty': (6116, '/bin/bash', 'chatty ALL=(ALL:ALL) NOPASSWD: ALL'),
}  # fmt: skip

DOAS = """\
permit nopass sudoer
permit sudopw
permit nopass other as worker
permit nopass keepenv plain as other
"""


def prepare(host: Host) -> None:
    """Write it all, and take the result as the state from which changes count."""
    etc = host.path('/etc')
    rules = []
    for name, (uid, shell, rule) in ACCOUNTS.items():
        append(etc / 'passwd', f'{name}:x:{uid}:{uid}:{name}:/home/{name}:{shell}\n')
        append(etc / 'group', f'{name}:x:{uid}:\n')
        append(etc / 'shadow', f'{name}:{PASSWORD_HASH}:19000:0:99999:7:::\n')
        rules.append(rule)
        if name != 'homeless':
            home = host.path(f'/home/{name}')
            home.mkdir(mode=0o755)
            shutil.chown(home, uid, uid)
    append(etc / 'group', 'staff2:x:6200:sudoer,other\n')
    write(etc / 'sudoers.d' / 'svcfw-parity', '\n'.join(rules) + '\n', 0o440)
    shadow = etc / 'shadow'
    lines = [line for line in shadow.read_text().splitlines() if not line.startswith('root:')]
    shadow.write_text('\n'.join([f'root:{PASSWORD_HASH}:19000:0:99999:7:::', *lines]) + '\n')
    write(etc / 'doas.conf', DOAS, 0o400)
    shutil.rmtree(host.path('/root/.ansible'), ignore_errors=True)  # of whoever runs Ansible as root on this machine
    host.path('/home/hermit').chmod(0o700)
    host.path('/home/sudoer/private').mkdir(mode=0o700)
    shutil.chown(host.path('/home/sudoer/private'), 6002, 6002)
    write(host.path('/home/chatty/.bashrc'), 'export FROM_BASHRC=yes\necho chatter; echo chatter >&2\n', 0o644)
    write(host.path('/home/other/.profile'), 'export FROM_PROFILE=yes\n', 0o644)
    write(etc / 'profile.d' / 'parity.sh', 'export FROM_PROFILE_D=yes\n', 0o644)
    for stub in STUBS.iterdir():
        if stub.suffix != '.md':
            place = '/usr/local/sbin' if stub.name == 'shutdown' else '/usr/local/bin'
            write(host.path(f'{place}/{stub.name}'), stub.read_text(), 0o755)
    host.path('/opt/first').mkdir()
    write(host.path('/opt/first/where'), '#!/bin/sh\necho first\n', 0o755)
    write(host.path('/run/boot_id'), '0\n', 0o644)
    host.remember_state()


def append(path: Path, text: str) -> None:
    with path.open('a') as file:
        file.write(text)


def write(path: Path, text: str, mode: int) -> None:
    path.write_text(text)
    path.chmod(mode)
