"""SpawnedProcess: a program whose standard streams carry a link, with an optional terminal for its prompts.

Also for contexts that start children. Any thread may call; nothing blocks.

Stdin and stdout are one socketpair: a write carries 2-4 times what a pipe takes. Where a user's own shell may
look at its stdin, that is a pipe: bash takes any socket for a remote login (rsh's), and reads ~/.bashrc. The terminal,
where one is wanted, is none of the standard streams, so those stay clean for eight bits; ssh, sudo and doas open
/dev/tty for what they ask of a person, and that is it.
"""

import os
import shutil
import signal
import socket
import subprocess
import termios

from svcfw.transport.contract import Process

#: Buffer size requested for either direction; the kernel grants twice its default: half the wake-ups for large
#: messages.
SEND_BUFFER_BYTES = 1024 * 1024

# A session leader without a terminal acquires one by opening it. The shell does this between fork and exec, where a
# threaded Python must not run code of its own. $0 is the name of the terminal.
_TAKE_TTY = ': <>"$0"; exec "$@"'
# Closing the master sends SIGHUP to the session. An ignored signal stays ignored over exec, and ssh does not change it.
_TAKE_TTY_AND_OUTLIVE_IT = 'trap "" HUP; ' + _TAKE_TTY


class SpawnedProcess(Process):
    """A program that this process has started, in a session of its own.

    in_fd and out_fd are one, unless stdin is a pipe. tty_fd: the master of its controlling terminal.
    """

    def __init__(self, pid, in_fd, out_fd, err_fd, tty_fds, outlives_tty):
        self.pid = pid
        self.argv = []  # type: list
        self._status = None
        self._may_close_tty = outlives_tty
        self.in_fd, self.out_fd, self.err_fd = in_fd, out_fd, err_fd
        # The program's end is held open too: reads of ours would fail whenever the program has it closed.
        self.tty_fd, self._tty_other_fd = tty_fds

    def __repr__(self):
        return '<%s pid %d>' % (type(self).__name__, self.pid)

    def __del__(self):
        self.poll()

    def poll(self):
        if self._status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self._status = 255  # reaped by other code in this process
            else:
                if pid:
                    self._status = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        return self._status

    def kill(self):
        self._may_close_tty = True
        if self.poll() is None:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                # It runs as another account (sudo): it ends when its streams close.
                pass

    def close_tty(self):
        """If that would end the program, the terminal is kept until the program has ended."""
        if not self._may_close_tty and self.poll() is None:
            return
        for fd in (self.tty_fd, self._tty_other_fd):
            if fd is not None:
                os.close(fd)
        self.tty_fd = self._tty_other_fd = None

    def close(self):
        for fd in {fd for fd in self.release() if fd is not None}:
            os.close(fd)
        self._may_close_tty = True
        self.close_tty()


def spawn(argv, tty=False, outlives_tty=False, env=None, cwd=None, pipes_in=False):
    """Start `argv` in a session of its own (Ctrl-C at our terminal does not reach it). Returns a SpawnedProcess.

    argv: list of str, the program first; searched for on PATH if it has no slash. Must not contain secrets.
    tty: bool, give it a controlling terminal.
    outlives_tty: bool, it starts with SIGHUP ignored, and goes on without the terminal after `close_tty`.
    env: dict, the whole environment; None for ours. cwd: str, or None for ours. pipes_in: bool, its stdin is a pipe.
    Raises OSError when the program is not there or cannot be run.
    """
    ours, theirs, command = [], [], list(argv)
    try:
        link = socket.socketpair()
        for end in link:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        link_fd, child_fd = (end.detach() for end in link)
        ours.append(link_fd)
        theirs.append(child_fd)
        child_in, in_fd = os.pipe() if pipes_in else (child_fd, link_fd)
        if pipes_in:
            ours.append(in_fd)
            theirs.append(child_in)
        err_fd, child_err = os.pipe()
        ours.append(err_fd)
        theirs.append(child_err)
        tty_fds = None, None
        if tty:
            _require_program(argv[0])
            tty_fds = _open_tty()
            ours += tty_fds
            script = _TAKE_TTY_AND_OUTLIVE_IT if outlives_tty else _TAKE_TTY
            argv = ['/bin/sh', '-c', script, os.ttyname(tty_fds[1]), *list(argv)]
        child = subprocess.Popen(
            argv, stdin=child_in, stdout=child_fd, stderr=child_err, start_new_session=True, env=env, cwd=cwd
        )
    except BaseException:
        for fd in ours:
            os.close(fd)
        raise
    finally:
        for fd in theirs:
            os.close(fd)
    for fd in ours:
        os.set_blocking(fd, False)
    # SpawnedProcess reaps it. Popen would too, and warn if it is dropped before the child has ended.
    child.returncode = 0
    started = SpawnedProcess(child.pid, in_fd, link_fd, err_fd, tty_fds, outlives_tty)
    started.argv = command
    return started


def _require_program(name):
    # The shell between would turn this into an exit status and its own message.
    if shutil.which(name) is None:
        raise FileNotFoundError(2, os.strerror(2), name)


def _open_tty():
    """(our end, the program's end) of a new terminal without echo and output processing."""
    tty_fd, other_fd = os.openpty()
    try:
        mode = termios.tcgetattr(other_fd)
        mode[1] &= ~termios.OPOST
        mode[3] &= ~(termios.ECHO | termios.ECHOE | termios.ECHOK | termios.ECHONL)
        termios.tcsetattr(other_fd, termios.TCSANOW, mode)
    except termios.error as exc:
        os.close(tty_fd)
        os.close(other_fd)
        raise OSError(*exc.args) from exc
    return tty_fd, other_fd
