"""Job: one process that runs for a session, its output on the way to who asked."""

import os
import pty
import signal
import subprocess

from svcfw.ansible.target.output import Output
from svcfw.core.wire import limits

#: Between the polite signal and the other one.
KILL_AFTER_S = 5.0


def exit_status(wait_status):
    """The number a shell would show for what waitpid gave."""
    return 128 + os.WTERMSIG(wait_status) if os.WIFSIGNALED(wait_status) else os.WEXITSTATUS(wait_status)


class Job(object):
    """A process with its output pipes. It is over when it has ended and, unless `ends_at_exit`, its pipes too.

    on_over(job): called once, after the answer was sent.
    """

    def __init__(self, loop, message, session, on_over, ends_at_exit=False):
        self.key = message.frame.reply_to
        self.session = session
        self.pid = None
        self._loop = loop
        self._on_over = on_over
        self._ends_at_exit = ends_at_exit
        self._output = Output(message, self._watch)
        self._fds = {}
        self._stdin_fd = None
        self._stdin = b''
        self._status = None
        self._killed = False
        self._over = False

    def read_from(self, fd, number):
        """Forward what comes from `fd` as stdout (1) or stderr (2). The job owns it from now on."""
        os.set_blocking(fd, False)
        self._fds[fd] = number
        self._loop.watch(fd, lambda: self._on_readable(fd))

    def feed(self, fd, data):
        """Write `data` to the process's stdin, then close it. The job owns the descriptor."""
        os.set_blocking(fd, False)
        self._stdin_fd, self._stdin = fd, memoryview(data)
        self._on_stdin_writable()

    def started(self, pid):
        self.pid = pid
        if self._killed:
            self.kill()

    def exited(self, status):
        """The process has ended with this exit status."""
        self._status = status
        self._close_stdin()
        if self._ends_at_exit:
            for fd in list(self._fds):
                self._on_readable(fd)
                self._drop(fd)
        self._check_over()

    def grant(self, credit):
        self._output.grant(credit)

    def kill(self):
        """End the process and what it started: SIGTERM, and SIGKILL a while later."""
        self._killed = True
        if self._status is None and self.pid:
            self._signal(signal.SIGTERM)
            self._loop.call_later(KILL_AFTER_S, lambda: self._signal(signal.SIGKILL))
        for fd in list(self._fds):
            self._drop(fd)

    def _signal(self, number):
        if self._status is None:
            try:
                os.killpg(self.pid, number)
            except OSError:
                pass

    # -- stdin

    def _on_stdin_writable(self):
        try:
            while self._stdin:
                self._stdin = self._stdin[os.write(self._stdin_fd, self._stdin) :]
        except BlockingIOError:
            self._loop.watch(self._stdin_fd, None, self._on_stdin_writable)
            return
        except OSError:
            pass  # it does not want to read: its own affair, as with a shell's pipe
        self._close_stdin()

    def _close_stdin(self):
        if self._stdin_fd is not None:
            self._loop.watch(self._stdin_fd)
            os.close(self._stdin_fd)
            self._stdin_fd = None

    # -- output

    def _on_readable(self, fd):
        try:
            data = os.read(fd, limits.READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b''  # a terminal says EIO when its last user is gone
        if not data:
            self._drop(fd)
            self._check_over()
            return
        self._output.write(self._fds[fd], data)
        if self._output.is_full():
            for each in self._fds:
                self._loop.watch(each)

    def _watch(self):
        for fd in self._fds:
            self._loop.watch(fd, lambda fd=fd: self._on_readable(fd))

    def _drop(self, fd):
        if self._fds.pop(fd, None) is not None:
            self._loop.watch(fd)
            os.close(fd)

    def _check_over(self):
        if self._status is not None and not self._fds and not self._over:
            self._over = True
            if not self._killed:
                self._output.finish(self._status)
            self._on_over(self)


def start_command(job, argv, stdin, cwd):
    """Run a command for a job, on pipes. Returns its subprocess.Popen; OSError when it cannot be run."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        start_new_session=True,
        bufsize=0,
    )
    job.started(process.pid)
    for stream, number in ((process.stdout, 1), (process.stderr, 2)):
        job.read_from(os.dup(stream.fileno()), number)
        stream.close()
    if stdin:
        job.feed(os.dup(process.stdin.fileno()), stdin)
        process.stdin.close()
    return process


#: Makes the terminal that is its stdin the controlling one, which only its own open() does without code in the fork.
_TAKE_TTY = 'exec 3<>"$0" 3>&-; exec "$@"'


def start_command_on_tty(job, argv, stdin, cwd):
    """The same on a new terminal, which carries stdout and stderr as one."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            ['/bin/sh', '-c', _TAKE_TTY, os.ttyname(theirs)] + argv,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=cwd,
            start_new_session=True,
        )
    except OSError:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    job.started(process.pid)
    job.read_from(ours, 1)
    return process
