"""Why a program could not be started, told by its cause: missing, or no room for one more. Python 3.6."""

import errno
import os
import socket

from svcfw.core.wire.errors import StartError

# What a process or a machine may run out of, and what to do about it.
_EXHAUSTED = {
    errno.EMFILE: ('process {pid} has too many open files', 'Raise the limit of open files (ulimit -n)'),
    errno.ENFILE: ('too many files are open', 'Raise fs.file-max'),
    errno.ENOMEM: ('memory is used up', 'Free some memory'),
    errno.EAGAIN: ('too many processes are running', 'Raise the limit of processes (ulimit -u)'),
    errno.ENOSPC: ('no terminal is left', 'Raise kernel.pty.max'),
}


def is_exhausted(exc):
    """Whether `exc` (any exception) says that this machine or process has no room for one more (bool)."""
    return isinstance(exc, OSError) and exc.errno in _EXHAUSTED


def cannot_run(host, program, exc, remedy, kind='option'):
    """The StartError for `exc` (OSError), which `program` (str) met on this machine when it was to be started.

    host: str, as errors shall call it. remedy, kind: for a program that itself is what is wrong.
    """
    if is_exhausted(exc):
        cause, what = _EXHAUSTED[exc.errno]
        here = socket.gethostname()
        why = cause.format(pid=os.getpid())
        return StartError('busy', host, 'cannot start %s: on %s %s' % (program, here, why), '%s there.' % what)
    return StartError(kind, host, 'cannot run %s: %s' % (program, exc.strerror or exc), remedy)
