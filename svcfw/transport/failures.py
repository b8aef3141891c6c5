"""Why a program could not be started: missing, or a resource of this machine exhausted."""

import errno
import os
import socket

from svcfw.core.wire.errors import StartError

# Exhausted resources of a process or machine, and remedies.
_EXHAUSTED = {
    errno.EMFILE: ('process {pid} has too many open files', 'Raise the limit of open files (ulimit -n)'),
    errno.ENFILE: ('too many files are open', 'Raise fs.file-max'),
    errno.ENOMEM: ('memory is used up', 'Free some memory'),
    errno.EAGAIN: ('too many processes are running', 'Raise the limit of processes (ulimit -u)'),
    errno.ENOSPC: ('no terminal is left', 'Raise kernel.pty.max'),
}


def is_exhausted(exc):
    """Whether `exc` (any exception) reports an exhausted resource of this machine or process (bool)."""
    return isinstance(exc, OSError) and exc.errno in _EXHAUSTED


def forget_origin(error):
    """Drop the traceback of an exception, and what it was raised from: their frames hold passwords, and environments.

    For an error that is kept. Returns it.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def cannot_run(host, program, exc, remedy, kind='option'):
    """The StartError for `exc` (OSError), raised when `program` (str) was started on this machine.

    host: str, as in errors. remedy, kind: used if the program itself is the problem.
    """
    if is_exhausted(exc):
        cause, what = _EXHAUSTED[exc.errno]
        here = socket.gethostname()
        why = cause.format(pid=os.getpid())
        return StartError('busy', host, 'cannot start %s: on %s %s' % (program, here, why), '%s there.' % what)
    return StartError(kind, host, 'cannot run %s: %s' % (program, exc.strerror or exc), remedy)
