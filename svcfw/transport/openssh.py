"""OpenSSH transport: runs the `ssh` program of this machine, with its user's configuration.

Arguments have the order of Ansible's own ssh connection: ssh uses the first value of nearly every option, so a user's
arguments win over ours here as they do there.
"""

import errno
import functools
import os
import re
import shutil
import subprocess

import svcfw
from svcfw.transport import failures, messages, process, sharing, ssh_config
from svcfw.transport.dialogue import LoginDialogue
from svcfw.transport.spec import DEFAULT_PROGRAM

# As Ansible does when it has no password to answer with.
_WITHOUT_PASSWORD = (
    'KbdInteractiveAuthentication=no',
    'PreferredAuthentications=gssapi-with-mic,gssapi-keyex,hostbased,publickey',
    'PasswordAuthentication=no',
)
#: For ssh's word on its own configuration, in which a `Match exec` may start programs.
_ANSWER_S = 2
_FAST_CIPHER = 'Ciphers=^aes128-gcm@openssh.com'

#: {identity of an ssh program: its version, as of _version}. To ask takes 10 ms.
versions = {}  # type: dict


def launch(spec, size):
    """Start ssh for `spec` (a Spec): (Process, LoginDialogue). The first stage reads `size` bytes from its stdin.

    Raises StartError: kind 'option' for a missing program or an invalid option, 'busy' for an exhausted resource of
    this machine.
    """
    text = spec.boot_text(size)
    if find_program(spec) is None:  # the shell between would report it in its own words
        is_there = os.path.exists(os.path.join(spec.cwd or '', spec.ssh_executable))
        reason = errno.EACCES if os.sep in spec.ssh_executable and is_there else errno.ENOENT
        raise _cannot_run(spec, OSError(reason, os.strerror(reason)))
    # A client of a master ends on SIGHUP, even if it was ignored at its start.
    outlives_tty = not _may_share(spec)
    try:
        child = process.spawn(
            argv(spec, text), tty=True, outlives_tty=outlives_tty, env=_environment(spec), cwd=spec.cwd
        )
    except OSError as exc:
        raise _cannot_run(spec, exc) from exc
    answers = {messages.PASSWORD: spec.password, messages.PASSPHRASE: spec.passphrase}
    names = functools.partial(_names_of_host, spec)
    return child, LoginDialogue(spec.host, messages.SSH, answers, user=spec.user, other_names=names)


def argv(spec, text):
    """The command line that runs `text` (str, for the login shell) on the host: list of str, without secrets."""
    words = _words(spec)
    may_share = _may_share(spec)
    if not may_share:
        words += _options('ControlPath=none')
    if _may_order_ciphers(spec):
        words += _options(_FAST_CIPHER)
    if spec.verbosity:
        words.append('-' + 'v' * spec.verbosity)
    if may_share:
        return sharing.argv(spec.ssh_executable, words, spec.host, text, spec.timeout_s)
    # -T: a remote terminal is not 8-bit clean, whatever RequestTTY in ssh_config says.
    return [spec.ssh_executable, *words, '-T', spec.host, text]


def _words(spec):
    """The options that decide where the login ends up, and how."""
    words = list(spec.ssh_args or ())
    if spec.host_key_checking is False:
        words += _options('StrictHostKeyChecking=no')
    if spec.port is not None:
        words += _options('Port=%d' % spec.port)
    if spec.private_key_file:
        words += _options('IdentityFile="%s"' % os.path.expanduser(spec.private_key_file))
    if spec.password is None:
        words += _options(*_WITHOUT_PASSWORD)
    if spec.user:
        words += _options('User="%s"' % spec.user)
    # ssh expects whole seconds; 0 means no limit.
    words += _options('ConnectTimeout=%d' % max(1, int(spec.timeout_s)))
    words += spec.ssh_common_args
    words += spec.ssh_extra_args
    if spec.password is not None:
        # A refused password stays wrong, and counts towards a lock of the account.
        words += _options('NumberOfPasswordPrompts=1')
    return words


def _names_of_host(spec):
    """The names by which ssh may ask for the host's password: HostName and HostKeyAlias of the user's configuration.

    Takes some 10 ms; only for a prompt that does not have the name which ssh was called with.
    """
    try:
        command = [spec.ssh_executable, *_words(spec), '-G', spec.host]
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=_ANSWER_S, env=_environment(spec), cwd=spec.cwd,
        ).stdout.decode('utf-8', 'replace')  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return []
    settings = [line.split(None, 1) for line in answer.splitlines()]
    return [setting[1] for setting in settings if len(setting) == 2 and setting[0] in ('hostname', 'hostkeyalias')]


def _user_words(spec):
    return list(spec.ssh_args or ()) + list(spec.ssh_common_args) + list(spec.ssh_extra_args)


def _may_share(spec):
    return sharing.may_share(spec.ssh_args, ssh_config.option_names(_user_words(spec)))


def find_program(spec):
    """The path of the ssh program for `spec` (a Spec), or None; searched for in the environment of the spec."""
    name = spec.ssh_executable
    if os.sep in name:
        return shutil.which(os.path.join(spec.cwd or '', name))
    return shutil.which(name, path=(os.environ if spec.env is None else spec.env).get('PATH'))


def _cannot_run(spec, exc):
    remedy = 'Install an OpenSSH client%s.' % (' there' if svcfw.is_target else ', or use the paramiko transport')
    if spec.ssh_executable != DEFAULT_PROGRAM:
        remedy = 'Correct `ssh_executable`.'
    return failures.cannot_run(spec.host, spec.ssh_executable, exc, remedy)


def _options(*settings):
    return [word for setting in settings for word in ('-o', setting)]


def _environment(spec):
    # ssh sends some variables on (SendEnv): none of ours may remain.
    environ = dict(os.environ if spec.env is None else spec.env)
    # ssh prompts on its controlling terminal, which we read, unless a user's session makes it open a window.
    environ['SSH_ASKPASS_REQUIRE'] = 'never'
    return environ


def _may_order_ciphers(spec):
    """Whether to ask for the cheapest cipher: not if the user, or the system's policy, sets ciphers."""
    if ssh_config.may_set('ciphers', _user_words(spec), spec.cwd):
        return False
    return _version(find_program(spec) or spec.ssh_executable) >= (8, 1)


def _version(program):
    """(major, minor) of an OpenSSH client, (0, 0) for anything else.

    A list of ciphers may start with '^' from 8.1 on; older clients end with an error.
    """
    known = identity(program)
    if known not in versions:
        versions[known] = _ask_version(program)
    return versions[known]


def identity(program):
    """What tells this file from any other that may have, or have had, this path (tuple)."""
    try:
        status = os.stat(program)
    except OSError:
        return (program,)
    return program, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _ask_version(program):
    try:
        answer = subprocess.run(
            [program, '-V'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=2
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    found = re.match(rb'OpenSSH_(\d+)\.(\d+)', answer)
    return tuple(int(part) for part in found.groups()) if found else (0, 0)
