"""What tests call in another process, without any import that would be seen there."""

import os
import sys


def has_imported(name):
    return name in sys.modules


def log_in_a_fork(text):
    """Import `logging` for the first time in a fork of this process, and log an error."""
    pid = os.fork()
    if not pid:
        import logging

        logging.getLogger('forked').error(text)
        os._exit(0)
    return os.waitpid(pid, 0)[1]
