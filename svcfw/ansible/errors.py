"""Our errors as those that the stock connection raises in the same place.

Which class it is decides what the user sees: AnsibleConnectionFailure makes a host UNREACHABLE, AnsibleError a task
FAILED.
"""

from typing import Any

from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure, AnsibleError

from svcfw.core.wire.errors import ChannelError, Error, StartError
from svcfw.mux.client import DeferredError

# Of a start that may go better the next time; the others would only lock an account or fail alike.
RETRIED_KINDS = frozenset({'refused', 'timeout', 'died', 'busy'})


def translate(error: Error, *, host: str, has_password: bool = False, command: str = '', local_path: str = '') -> Any:
    """The AnsibleError to raise `from error`.

    `command` is the text of a deferred operation, `local_path` the controller's end of a transfer.
    """
    if isinstance(error, StartError):
        translated = _start_error(error, has_password=has_password)
    elif isinstance(error, DeferredError):
        translated = _deferred_error(error, command, local_path)
    elif isinstance(error, ChannelError):
        translated = AnsibleConnectionFailure(f'{host}: the connection was lost: {error}')
    else:
        translated = AnsibleConnectionFailure(f'{host}: svcfw cannot work on this controller: {error}')
    # 2.19+ appends the texts of causes to a message; ours holds it already.
    translated._include_cause_message = False
    return translated


def _start_error(error: StartError, *, has_password: bool) -> AnsibleError:
    message = f'Failed to connect to the host via svcfw: {error}'
    if error.kind == 'auth':
        return AnsibleAuthenticationFailure(message)
    if error.kind == 'become':
        return AnsibleError(str(error))
    if error.kind == 'option' or (error.kind == 'hostkey' and has_password):  # FAILED, as with stock's sshpass
        return AnsibleError(message)
    return AnsibleConnectionFailure(message)


def _deferred_error(error: DeferredError, command: str, local_path: str) -> AnsibleError:
    if error.op in ('put_file', 'fetch_file'):
        ends = (local_path, error.path) if error.op == 'put_file' else (error.path, local_path)
        return AnsibleError(f'failed to transfer file to {ends[0]} {ends[1]}:\n\n{error.cause}')
    if error.op == 'chmod':
        return AnsibleError(f'Failed to set permissions on remote files (rc: {error.status}, err: {error.cause})')
    if error.op == 'mkdtemp':
        return AnsibleConnectionFailure(_no_temporary_directory(error, command))
    return AnsibleError(f'{error.op} {error.path}: {error.cause}')


def _no_temporary_directory(error: DeferredError, command: str) -> str:
    # Core's own words, since core would have said them had it waited for the answer; people search for them.
    if 'No space left on device' in error.cause:
        return error.cause
    return (
        'Failed to create temporary directory. '
        'In some cases, you may have been able to authenticate and did not have permissions on the target directory. '
        'Consider changing the remote tmp path in ansible.cfg to a path rooted in "/tmp", '
        'for more error information use -vvv. '
        f'Failed command was: {command}, exited with result {error.status}, stderr output: {error.cause}'
    )
