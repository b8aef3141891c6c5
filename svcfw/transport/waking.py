"""Continues the program that has started this context for another account, if it is stopped.

sudo stops itself when what it runs is stopped (job control), and waits for a shell to continue it. There is none: if
the context goes on, and ends, that program stays, and nobody but its account can end it.
"""

import os
import signal

#: sudo has up to two processes above the command, su one.
_ABOVE = 3


def programs_above():
    """Continue stopped processes of root's, or of this account's, among those next above this one. Linux."""
    pid = os.getppid()
    for _ in range(_ABOVE):
        try:
            with open('/proc/%d/status' % pid) as file:
                lines = [line.split() for line in file]
            fields = {words[0]: words[1:] for words in lines if words}
            if fields['State:'][0] == 'T' and int(fields['Uid:'][1]) in (0, os.geteuid()):
                os.kill(pid, signal.SIGCONT)
            pid = int(fields['PPid:'][0])
        except (OSError, LookupError, ValueError):
            return  # another system, hidden, gone, or not ours to continue
