"""Translates our errors to those that the stock connection raises in the same place.

The class decides what the user sees: AnsibleConnectionFailure makes a host UNREACHABLE, AnsibleError a task FAILED.
Text that comes from a target is escaped, and its further lines are marked. A wrong become password does not come here:
svcfw.ansible.become raises it.
"""

import re
from contextlib import suppress
from typing import Any

from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure, AnsibleError

from svcfw.core.parent.printable import lines
from svcfw.core.wire.errors import ChannelError, Error, StartError
from svcfw.mux import rundir
from svcfw.mux.client.client import DeferredError
from svcfw.mux.client.line import GONE
from svcfw.mux.protocol import SERVICE

# StartError kinds that may succeed at the next attempt; others would fail alike or lock an account.
RETRIED_KINDS = frozenset({'refused', 'timeout', 'died', 'busy'})
# Kinds for which our log may have more than the message.
_LOGGED_KINDS = frozenset({'died', 'timeout', 'busy'})

# Names of a start's options in remedies (svcfw.transport.messages), and in a playbook.
_OPTIONS = {
    'hostname': 'ansible_host',
    'username': 'ansible_user',
    'password': 'ansible_password',
    'private_key_file': 'ansible_ssh_private_key_file',
    'ssh_executable': 'ansible_ssh_executable',
    'ssh_common_args': 'ansible_ssh_common_args',
    'python': 'ansible_python_interpreter',
    'preferred_python': 'svcfw_python',
    'host_key_checking': 'host_key_checking',
    'transport': 'svcfw_transport',
    'via': 'via',
}
_OPTION = re.compile(f'`({"|".join(_OPTIONS)})`')


def translate(
    error: Error,
    *,
    host: str,
    user: str | None = None,
    becoming: str = '',
    has_password: bool = False,
    command: str = '',
    local_path: str = '',
) -> Any:
    """The AnsibleError to raise `from error`: names host, account, cause and remedy.

    user: the login account, None if ssh decides. becoming: the become account and method. `command` is the text of a
    deferred operation, `local_path` the controller's end of a transfer.
    """
    place = f'{user}@{host}' if user else host
    if isinstance(error, StartError):
        if error.host != host and becoming:
            place = f'{place}, {becoming}'
        translated = _start_error(error, place, has_password=has_password)
    elif isinstance(error, DeferredError):
        translated = _deferred_error(error, command, local_path)
    elif isinstance(error, ChannelError):
        translated = AnsibleConnectionFailure(_lost(error, host, place))
    else:
        why = lines(str(error)) if str(_log_path()) in str(error) else f'{lines(str(error))}.{_see_log()}'
        translated = AnsibleConnectionFailure(f'{place}: svcfw cannot work on this controller: {why}')
    # 2.19+ appends the texts of causes to a message, which has them already.
    with suppress(AttributeError):
        translated._include_cause_message = False
    return translated


def _log_path() -> Any:
    return rundir.log_path(rundir.default())


def _see_log() -> str:
    return f' More may be in {_log_path()} on this machine.'


def _lost(error: ChannelError, host: str, place: str) -> str:
    # The error of a lost link names the context, which is the host again.
    reason = lines(str(error)).removeprefix(f'{host}: ')
    if reason.startswith(GONE):
        return f'{place}: {reason}.{_see_log()}'
    cause = _LOST if reason.startswith(_LOST) else f'{_LOST}: {reason}'
    return f'{place}: {cause}. The next task logs in again.{_see_log()}'


_LOST = 'the connection was lost'


def _start_error(error: StartError, place: str, *, has_password: bool) -> AnsibleError:
    remedy = _OPTION.sub(lambda match: _OPTIONS[match.group(1)], error.remedy)
    what = ' '.join(part for part in (f'{place}: {lines(error.cause)}.', lines(remedy)) if part)
    message = f'Failed to connect to the host via svcfw: {what}'
    if error.kind in _LOGGED_KINDS:
        message += _see_log()
    if error.kind == 'auth':
        return AnsibleAuthenticationFailure(message)
    if error.kind == 'become':
        return AnsibleError(what)
    if error.kind == 'option' or (error.kind == 'hostkey' and has_password):  # FAILED, as with stock's sshpass
        return AnsibleError(message)
    return AnsibleConnectionFailure(message)


def _deferred_error(error: DeferredError, command: str, local_path: str) -> AnsibleError:
    path, cause = lines(error.path), lines(error.cause)
    if error.op in ('put_file', 'fetch_file'):
        ends = (local_path, path) if error.op == 'put_file' else (path, local_path)
        return AnsibleError(f'failed to transfer file to {ends[0]} {ends[1]}:\n\n{cause}')
    if error.op == SERVICE:
        return AnsibleError(f'{path} is in ansible_svcfw_services, and cannot be used: {cause}. The task was not begun')
    if error.op == 'chmod':
        return AnsibleError(f'Failed to set permissions on remote files (rc: {error.status}, err: {cause})')
    if error.op == 'mkdtemp':
        return AnsibleConnectionFailure(_no_temporary_directory(error, cause, command))
    return AnsibleError(f'{lines(error.op)} {path}: {cause}')


def _no_temporary_directory(error: DeferredError, cause: str, command: str) -> str:
    # Core's own words, which it would have used had it waited for the answer; people search for them.
    if 'No space left on device' in cause:
        return cause
    return (
        'Failed to create temporary directory. '
        'In some cases, you may have been able to authenticate and did not have permissions on the target directory. '
        'Consider changing the remote tmp path in ansible.cfg to a path rooted in "/tmp", '
        'for more error information use -vvv. '
        f'Failed command was: {command}, exited with result {error.status}, stderr output: {cause}'
    )
