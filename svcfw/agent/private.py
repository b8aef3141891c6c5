"""Keeps the memory of a process from core dumps, and from other processes of its account.

The multiplexer, agents and templates hold passwords and what tasks are not to log. A process that is not dumpable
(prctl(2), PR_SET_DUMPABLE) leaves no core, nobody but root can trace it or take its descriptors, and its files in /proc
are root's. An exec ends that, so whatever they start is as it would be; what is forked has to be shown again.
"""

import sys

_PR_SET_DUMPABLE = 4


def hide():
    """From now on. Where the system has no such thing, core dumps are off, as far as that can be taken back."""
    if not _set_dumpable(0):
        import resource  # where it is needed

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def show():
    """In a fork that is another program: it is as any process."""
    _set_dumpable(1)


def _set_dumpable(value):
    if not sys.platform.startswith('linux'):
        return False
    try:
        import ctypes  # which is not in every Python

        return ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, value, 0, 0, 0) == 0
    except (ImportError, OSError, AttributeError):  # a Python without it
        return False
