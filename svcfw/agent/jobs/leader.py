"""The leader of a session on a terminal, instead of the become command.

When the leader of a session ends, the kernel hangs up the foreground process group of its terminal: a command that
leaves something in the background and returns at once would have it hung up, before a `setsid` of it has run as well.
Where sudo (with use_pty, the default since 1.9.14) or su stand between, what was left behind goes on.
"""

import os
import signal

from svcfw.agent.warm import child

#: The end of the command decides, not a signal for the process group, nor which group is in the foreground.
_IGNORED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGTSTP, signal.SIGTTOU)


def stand_before():
    """In a fork that leads a session with its terminal as stdin: fork the process that will run the program.

    Returns in that process; the leader never returns, and exits with the status that a shell would show.
    """
    command = os.fork()
    if command == 0:
        return
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        # The agent is gone and the terminal with it: pass the hangup on, as sudo does.
        signal.signal(signal.SIGHUP, lambda number, frame: _pass_on(command, number))
        child.close_all_but(-1)  # subprocess waits until nobody else holds a pipe of its own
        status = _status_of(command)
        _empty_foreground()
        os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
    finally:
        os._exit(255)


def _pass_on(command, number):
    try:
        os.kill(command, number)
    except OSError:
        pass  # it has ended


def _empty_foreground():
    """Give the terminal to a process group that ends at once: then no process is left to be hung up."""
    try:
        member = os.fork()
    except OSError:  # the account's limit of processes: the status counts for more
        return
    if member == 0:
        try:
            os.setpgid(0, 0)
            os.tcsetpgrp(0, os.getpid())
        finally:
            os._exit(0)
    _status_of(member)


def _status_of(pid):
    return os.waitpid(pid, 0)[1]
