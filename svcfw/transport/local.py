"""Local transport: starts a child context on this machine."""

import sys

from svcfw.boot import first_stage
from svcfw.transport import failures, messages, process
from svcfw.transport.dialogue import LoginDialogue


def launch(spec, size):
    """Start a child for `spec` (a Spec): (Process, LoginDialogue). The first stage reads `size` bytes from its stdin.

    Raises StartError, kind 'nopython' or 'busy', if it cannot be started.
    """
    host = spec.host or 'localhost'
    try:
        # A foreign environment comes with its owner's home directory.
        child = process.spawn(argv(spec, size), env=spec.env, cwd=spec.cwd or (spec.env or {}).get('HOME'))
    except OSError as exc:
        raise failures.cannot_run(host, sys.executable or '/bin/sh', exc, 'Set `python`.', 'nopython') from exc
    return child, LoginDialogue(host, messages.LOCAL)


def argv(spec, size):
    """The command of a local child: list of str.

    spec: Spec. Without `python` or `preferred_python` the child runs this process's interpreter; if that is unknown (it
    is embedded), the first stage searches for one. size: int, length of the second stage in bytes.
    """
    if spec.python is not None or spec.preferred_python or not sys.executable:
        return first_stage.search_argv(size, spec.pythons(), spec.python)
    return first_stage.argv([sys.executable], size)
