"""A controller that runs on a throw-away host, so that `local` connections are to that host and not to this machine."""

import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.hosts import CHECKOUT, Host
from tests.support.sshd import descendants
from tests.support.venvs import Core, cache


@dataclass(frozen=True)
class InsideCore(Core):
    """A core whose programs run on `host` as `account`; folders of this machine have the same paths there."""

    host: Host
    account: str
    wrappers: Path

    def script(self, name: str) -> str:
        """The path, on this machine, of a program that runs the one of that name on the host."""
        path = self.wrappers / name
        if not path.exists():
            namespaces = f'nsenter --target {first(self.host)} --mount --uts --ipc --pid --root --wdns="$PWD"'
            account = f'setpriv --reuid {self.account} --regid {self.account} --init-groups'
            names = f'USER={self.account} LOGNAME={self.account} SHELL=/bin/bash'
            environment = f'env {names} PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin'
            program = shlex.quote(super().script(name))
            path.write_text(f'#!/bin/sh\nexec {namespaces} {account} {environment} {program} "$@"\n')
            path.chmod(0o755)
        return str(path)


def enter(core: Core, host: Host, account: str, wrappers: Path, *folders: Path) -> InsideCore:
    """`core` for use on `host`, where the checkout, the kept environments and `folders` are shown too."""
    wrappers.mkdir(parents=True, exist_ok=True)
    for folder in (CHECKOUT, cache()):
        show(host, folder)
    for folder in folders:
        give(host, folder, account)
    return InsideCore(core.line, core.directory, host, account, wrappers)


def give(host: Host, folder: Path, account: str) -> None:
    """Show `folder` on the host as `account`'s own."""
    show(host, folder)
    words = ['nsenter', '--target', str(first(host)), '--mount', '--root', 'chown', '-R', f'{account}:{account}']
    subprocess.run([*words, str(folder)], check=True)


def show(host: Host, folder: Path) -> None:
    """Bind a folder of this machine to the same path on the host."""
    # Without --root: the host's mount namespace still has this machine's root, in which the host's root is a folder.
    script = 'mkdir -p "$2" && mount --bind "$1" "$2"'
    inside = f'{host.directory}/disk/root{folder}'
    words = ['nsenter', '--target', str(first(host)), '--mount', 'sh', '-ec', script, 'sh', str(folder), inside]
    subprocess.run(words, check=True)


def first(host: Host) -> int:
    """The host's first process, as this machine counts."""
    return descendants(host.pid)[0]
