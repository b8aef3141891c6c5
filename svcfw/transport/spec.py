"""Spec: a target and how to reach it; every transport takes one."""

import os
from collections.abc import Mapping

from svcfw.boot import first_stage
from svcfw.core.wire.errors import StartError

AUTO, SSH, PARAMIKO, LOCAL = 'auto', 'ssh', 'paramiko', 'local'
TRANSPORTS = (AUTO, SSH, PARAMIKO, LOCAL)

DEFAULT_TIMEOUT_S = 10
DEFAULT_PROGRAM = 'ssh'

_SECRETS = ('password', 'passphrase')
_TEXT, _WORDS = (str,), (list, tuple)
_TYPES = {
    'host': _TEXT, 'port': (int,), 'user': _TEXT, 'password': _TEXT, 'passphrase': _TEXT, 'private_key_file': _TEXT,
    'ssh_executable': _TEXT, 'ssh_args': _WORDS, 'ssh_common_args': _WORDS, 'ssh_extra_args': _WORDS,
    'timeout_s': (float, int), 'python': _TEXT, 'preferred_python': _TEXT, 'modules_python': _TEXT, 'cwd': _TEXT,
    'env': (dict,), 'verbosity': (int,),
}  # fmt: skip
_NOT_NONE = frozenset(['host', 'ssh_executable', 'ssh_common_args', 'ssh_extra_args', 'timeout_s', 'verbosity'])


class Spec:
    """One target. A plain value; the fields are attributes.

    transport: str, one of TRANSPORTS.
    host: str, a name (also one from ssh_config) or address; also its name in errors.
    port: int or None. user: str or None: ssh_config or ssh decides.
    password: str or None. passphrase: str or None, of `private_key_file`.
    private_key_file: str or None.
    ssh_executable: str, name or path of the ssh client.
    ssh_args: list of str the user has set, or None for Ansible's default (compression and a control socket, neither of
        which is used here).
    ssh_common_args, ssh_extra_args: list of str, added by the user.
    host_key_checking: bool; False accepts any host key, True leaves it to ssh_config, whose default is to refuse.
    timeout_s: int or float, until the link is up: for connecting, login and start of Python together.
    python: str or None, the required interpreter; an unusable one is an error. None: search for one.
    preferred_python: str or None, tried first. modules_python: str or None, the interpreter for modules, tried next;
        ignored if no quoting preserves it in every login shell.
    cwd: str or None, the directory that file names in the ssh arguments are relative to; None for our own.
    env: mapping of str, the whole environment of a program that is started here, None for our own.
    verbosity: int, how many -v the ssh program is given.
    """

    def __init__(
        self,
        transport=AUTO,
        host='',
        port=None,
        user=None,
        password=None,
        passphrase=None,
        private_key_file=None,
        ssh_executable=DEFAULT_PROGRAM,
        ssh_args=None,
        ssh_common_args=(),
        ssh_extra_args=(),
        host_key_checking=True,
        timeout_s=DEFAULT_TIMEOUT_S,
        python=None,
        preferred_python=None,
        modules_python=None,
        cwd=None,
        env=None,
        verbosity=0,
        **unknown,
    ):
        """Raises StartError: kind 'option' for an unknown field or transport, or a value of another type; 'config' for
        an invalid host."""
        self.transport = transport
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.passphrase = passphrase
        self.private_key_file = _path(private_key_file)
        self.ssh_executable = _path(ssh_executable)
        self.ssh_args = ssh_args
        self.ssh_common_args = ssh_common_args
        self.ssh_extra_args = ssh_extra_args
        self.host_key_checking = host_key_checking
        self.timeout_s = timeout_s
        self.python = python
        self.preferred_python = preferred_python
        self.modules_python = modules_python
        self.cwd = _path(cwd)
        self.env = dict(env) if isinstance(env, Mapping) else env
        self.verbosity = verbosity
        self._check(unknown)

    def pythons(self):
        """The interpreters to try first: list of str."""
        found = [self.preferred_python] if self.preferred_python else []
        if self.modules_python and first_stage.can_quote(self.modules_python):
            found.append(self.modules_python)
        return found

    def boot_text(self, size):
        """The first stage for a login shell, `size` as for `first_stage.text`: str. Raises StartError, kind
        'option'."""
        try:
            return first_stage.text(size, self.pythons(), self.python)
        except ValueError as exc:
            remedy = 'Correct `preferred_python`.' if self.python is None else 'Correct `python`.'
            raise self._wrong(str(exc), remedy) from exc

    def _check(self, unknown):
        for name, kinds in _TYPES.items():
            value = getattr(self, name)
            if not isinstance(value, kinds) and (value is not None or name in _NOT_NONE):
                cause = '`%s` is of type %s, expected %s' % (name, type(value).__name__, kinds[0].__name__)
                raise self._wrong(cause, 'Correct its value.')
        if unknown:
            raise self._wrong('unknown option %s' % ', '.join(sorted(unknown)), 'Leave it out or correct its name.')
        if self.transport not in TRANSPORTS:
            remedy = 'Set one of these: %s.' % ', '.join(TRANSPORTS)
            raise self._wrong('unknown transport %r' % (self.transport,), remedy)
        host = self.host
        if self.transport != LOCAL and (not host or host[0] == '-' or not host.isprintable() or ' ' in host):
            cause = '%r is not the name or address of a host' % (host,)
            raise self._wrong(cause, 'Correct `hostname`.', 'config')

    def _wrong(self, cause, remedy, kind='option'):
        return StartError(kind, str(self.host or 'localhost'), cause, remedy)

    def __repr__(self):
        shown = ['%s=%r' % item for item in sorted(vars(self).items()) if item[0] not in _SECRETS]
        return 'Spec(%s)' % ', '.join(shown)


def _path(value):
    return os.fspath(value) if isinstance(value, os.PathLike) else value
