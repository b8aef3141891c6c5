"""Settings: where to connect, as whom and with which keys, from a Spec, the user's ssh arguments and ssh_config.

Of ssh_config and `-o` arguments it uses those for host, user, keys, known_hosts files and jump hosts or proxies;
everything else concerns only the ssh program.
"""

from __future__ import annotations

import getpass
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko

from svcfw.core.wire.errors import StartError
from svcfw.transport.spec import Spec
from svcfw.transport.ssh_config import option_settings

_USER_CONFIG = '~/.ssh/config'
_SYSTEM_CONFIG = '/etc/ssh/ssh_config'
_USER_KNOWN_HOSTS = '~/.ssh/known_hosts ~/.ssh/known_hosts2'
_GLOBAL_KNOWN_HOSTS = '/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2'
# Algorithms of ssh that paramiko supports, in ssh's order.
_DEFAULT_KEYS = ('~/.ssh/id_rsa', '~/.ssh/id_ecdsa', '~/.ssh/id_ed25519')


@dataclass(frozen=True)
class Settings:
    """Everything for a login except secrets; values are final."""

    host: str
    port: int
    user: str
    key_files: tuple[str, ...]
    named_keys_only: bool
    known_hosts_files: tuple[str, ...]
    known_hosts_name: str | None
    """HostKeyAlias, or None"""
    checks_host_key: bool
    proxy_command: str | None
    jumps: tuple[str, ...]
    """[user@]host[:port] of each jump host, nearest first"""
    agent_socket: str | None


def settle(spec: Spec) -> Settings:
    """The settings for `spec`. Raises StartError (kind 'config') for a configuration that cannot be read."""
    given = _given(spec)
    try:
        found = _config(spec, given).lookup(spec.host)
    except (OSError, paramiko.SSHException, ImportError, ValueError) as exc:
        raise StartError('config', spec.host, f'cannot read the ssh configuration: {exc}', 'Correct it.') from exc

    def option(name: str, default: str | None = None) -> Any:
        return given.get(name) or found.get(name) or default

    def files(name: str, default: str) -> tuple[str, ...]:
        return tuple(_path(spec, path) for path in option(name, default).split())

    named_keys = [spec.private_key_file] if spec.private_key_file else []
    named_keys += [given['identityfile']] if 'identityfile' in given else []
    named_keys += found.get('identityfile', [])
    jumps = option('proxyjump', 'none')
    proxy_command = option('proxycommand', 'none')
    environ = os.environ if spec.env is None else spec.env
    return Settings(
        host=given.get('hostname') or found.get('hostname', spec.host),
        port=int(spec.port or option('port', '22')),
        user=spec.user or option('user') or getpass.getuser(),
        key_files=tuple(_path(spec, path) for path in named_keys or _DEFAULT_KEYS),
        named_keys_only=option('identitiesonly', 'no') == 'yes',
        known_hosts_files=files('userknownhostsfile', _USER_KNOWN_HOSTS)
        + files('globalknownhostsfile', _GLOBAL_KNOWN_HOSTS),
        known_hosts_name=option('hostkeyalias'),
        checks_host_key=spec.host_key_checking is not False and option('stricthostkeychecking') not in ('no', 'off'),
        proxy_command=None if proxy_command == 'none' else _expand(proxy_command, spec, option('port', '22')),
        jumps=() if jumps == 'none' else tuple(jumps.split(',')),
        agent_socket=environ.get('SSH_AUTH_SOCK'),
    )


def _given(spec: Spec) -> dict[str, str]:
    """Options that the arguments set; ssh uses the first value of each."""
    given: dict[str, str] = {}
    words = [*(spec.ssh_args or ()), *spec.ssh_common_args, *spec.ssh_extra_args]
    for name, value in option_settings(words):
        given.setdefault(name, value.strip('"'))
    return given


def _path(spec: Spec, path: str) -> str:
    return os.path.join(spec.cwd or '', os.path.expanduser(path))


def _config(spec: Spec, given: dict[str, str]) -> paramiko.SSHConfig:
    if 'configfile' in given:
        path = given['configfile']
        return paramiko.SSHConfig.from_text('' if path == 'none' else Path(_path(spec, path)).read_text('utf-8'))
    # The user's come first, since first values win; a Host line ends its last section.
    texts = [_read(_USER_CONFIG), _read(_SYSTEM_CONFIG)]
    return paramiko.SSHConfig.from_text('\nHost *\n'.join(texts))


def _read(path: str) -> str:
    try:
        return Path(path).expanduser().read_text('utf-8', errors='replace')
    except OSError:
        return ''


def _expand(command: str, spec: Spec, port: str) -> str:
    """Expand tokens of a ProxyCommand given by arguments; paramiko has expanded one from ssh_config."""
    values = {'%h': spec.host, '%p': str(spec.port or port), '%r': spec.user or '', '%n': spec.host, '%%': '%'}
    return re.sub('%[hprn%]', lambda found: values[found.group()], command)
