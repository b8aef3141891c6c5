"""The working directory of programs: that of a login, checked again for each program.

A context lives longer than one login; meanwhile the folder may be removed and made again, or closed to this account. A
become account (sudo keeps the folder) may never have had permission: a program starts there all the same, because it
inherits the directory without entering it.
"""

import os
import stat


def _of_this_process():
    try:
        return os.getcwd()
    except OSError:
        return '/'  # as sshd does for a home that does not exist


#: The working directory at the start of the context. Templates are forks, and inherit it from their agent.
_START = _of_this_process()


def to_enter():
    """What a program that is started now has to chdir to (str); None if it inherits the right directory."""
    try:
        there = os.stat(_START)
    except PermissionError:
        return None
    except OSError:
        return '/'  # as sshd does: a missing home does not prevent a login
    if _is_here(there):
        return None
    return _START if stat.S_ISDIR(there.st_mode) and os.access(_START, os.X_OK) else '/'


def _is_here(there):
    try:
        here = os.stat('.')
    except OSError:
        # No permission here. If the folder of this name can be entered by now, it is a new one.
        return not os.access(_START, os.X_OK)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
