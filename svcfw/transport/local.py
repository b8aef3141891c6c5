"""Starts a child context on the machine this process runs on. Python 3.6."""

import sys

from svcfw.boot import first_stage
from svcfw.transport import failures, messages, process
from svcfw.transport.dialogue import Dialogue


def launch(spec, size):
    """Start a child for `spec` (a Spec): (Process, Dialogue). The first stage waits for `size` bytes on its stdin.

    Raises StartError (kind 'nopython', 'busy') when it cannot be run.
    """
    host = spec.host or 'localhost'
    try:
        # With an environment that is not ours comes the place where its owner would be after a login.
        child = process.spawn(argv(spec, size), env=spec.env, cwd=spec.cwd or (spec.env or {}).get('HOME'))
    except OSError as exc:
        raise failures.cannot_run(host, sys.executable or '/bin/sh', exc, 'Set `python`.', 'nopython') from exc
    return child, Dialogue(host, messages.LOCAL)


def argv(spec, size):
    """The command of a local child: list of str.

    spec: Spec. Without an interpreter to use or to try first it is our own; where that is unknown (it is embedded), one
    is searched for. size: int, the length of the second stage in bytes.
    """
    if spec.python is not None or spec.preferred_python or not sys.executable:
        return first_stage.search_argv(size, spec.pythons(), spec.python)
    return first_stage.argv([sys.executable], size)
