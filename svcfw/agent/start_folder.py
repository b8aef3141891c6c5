"""The folder in which a login starts programs: found once, and found again for each program.

A context lives longer than one login, in which the folder may be removed and made again, or closed to this account. An
account that was become (sudo keeps the folder) may never have been allowed in: then a program is there all the same,
for it inherits the place and need not go there.
"""

import os
import stat


def _of_this_process():
    try:
        return os.getcwd()
    except OSError:
        return '/'  # where sshd leaves a program whose home is not there


#: Where the context was started. Templates are forked, and so have it from their agent.
_START = _of_this_process()


def to_enter():
    """What a program that is started now has to chdir to (str); None if it inherits the right place."""
    try:
        there = os.stat(_START)
    except PermissionError:
        return None
    except OSError:
        return '/'  # as sshd does: a home that is gone keeps nobody out
    if _is_here(there):
        return None
    return _START if stat.S_ISDIR(there.st_mode) and os.access(_START, os.X_OK) else '/'


def _is_here(there):
    try:
        here = os.stat('.')
    except OSError:
        # Not allowed in here. If that is no more true of the folder of this name, it is another one.
        return not os.access(_START, os.X_OK)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
