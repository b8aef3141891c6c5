"""Job: what runs for a request until its answer; ProcessJob: a process, whose output it sends to the requester."""

import os
import signal

from svcfw.agent import ops
from svcfw.agent.jobs.output import Output
from svcfw.core.wire import limits

#: Seconds between SIGTERM and SIGKILL.
KILL_AFTER_S = 5.0
#: A terminal returns at most 4 KiB a read, and buffers fewer than this many reads.
TTY_READS = 64


def exit_status(wait_status):
    """The exit status that a shell would show for a status of waitpid."""
    return 128 + os.WTERMSIG(wait_status) if os.WIFSIGNALED(wait_status) else os.WEXITSTATUS(wait_status)


def kill_group(pid):
    """SIGKILL for the process group of `pid`, if it exists."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass


class Job(object):
    """Base class: what is done for one request, over several turns of the loop. Loop thread only.

    The agent has it in its table from its start to `on_over(job)`, which the job calls once, and after its last
    message. key: the request's reply handle; session: the client's number.
    """

    key = 0
    session = 0

    def grant(self, credit):
        """The requester has consumed `credit` bytes of output: so many more may be sent."""

    def kill(self):
        """The requester is gone: give up. There will be no answer. Idempotent."""
        raise NotImplementedError

    def kill_now(self):
        """The context ends: do now what `kill` would do later."""


class ProcessJob(Job):
    """A process with its output pipes. It is over when it has ended and, unless `ends_at_exit`, its pipes too.

    send_signal(job, number): signals the process group; no-op after its end.
    on_over(job): called once, after the answer was sent.
    """

    def __init__(self, loop, message, session, send_signal, on_over, ends_at_exit=False):
        self.key = message.frame.reply_to
        self.session = session
        #: The requester is gone.
        self.is_killed = False
        #: SIGKILL was sent.
        self.got_sigkill = False
        self._loop = loop
        self._message = message
        self._send_signal = send_signal
        self._on_over = on_over
        self._ends_at_exit = ends_at_exit
        self._output = Output(message, self._watch)
        self._fds = {}
        self._held = []
        self._door = None
        self._stdin_fd = -1
        self._stdin = memoryview(b'')
        self._status = None
        self._ran = ()
        self._is_over = False

    def read_from(self, fd, number):
        """Send data from `fd` as stdout (1) or stderr (2). The job owns the descriptor from now on."""
        os.set_blocking(fd, False)
        self._fds[fd] = number
        self._loop.watch(fd, lambda: self._on_readable(fd))

    def hold(self, fd):
        """Keep `fd` open until the process has ended or is killed. The job owns it from now on."""
        self._held.append(fd)

    def let_in_by(self, door):
        """Close this Door (links.py) when the process has ended, or is killed."""
        self._door = door

    def feed(self, fd, data):
        """Write `data` to the process's stdin, then close it. The job owns the descriptor."""
        os.set_blocking(fd, False)
        self._stdin_fd, self._stdin = fd, memoryview(data)
        self._on_stdin_writable()

    def exited(self, status, ran=()):
        """The process has ended with this exit status. ran: as of template.Exited."""
        self._status = status
        self._ran = ran
        self._close_stdin()
        if self._ends_at_exit:
            # All it wrote is there; a process left behind may hold the terminal open, or print, for ever.
            for fd in list(self._fds):
                for _ in range(TTY_READS):
                    if not self._read(fd):
                        break
                self._drop(fd)
        self._let_go()
        self._check_over()

    def abandon(self, text):
        """The exit status is unknown: append `text` (str) to stderr, as after a SIGKILL."""
        if not self.is_killed:
            self._output.write(2, text.encode())
        for fd in list(self._fds):
            self._drop(fd)
        self.exited(128 + signal.SIGKILL)

    def decline(self, cause):
        """It has not run, since its interpreter can be no template: say that."""
        self._let_go()
        for fd in list(self._fds):
            self._drop(fd)
        self._is_over = True
        if not self.is_killed:
            self._message.reply((ops.UNFIT, cause))
        self._on_over(self)

    def grant(self, credit):
        self._output.grant(credit)

    def kill(self):
        """End the process group: SIGTERM, and SIGKILL later."""
        if self.is_killed:
            return
        self.is_killed = True
        self._send_signal(self, signal.SIGTERM)
        self._loop.call_later(KILL_AFTER_S, self.kill_now)
        self._close_stdin()
        for fd in list(self._fds):
            self._drop(fd)
        self._let_go()
        self._check_over()

    def kill_now(self):
        """Send the SIGKILL of `kill` now."""
        if not self.got_sigkill:
            self.got_sigkill = True
            self._send_signal(self, signal.SIGKILL)

    # -- stdin

    def _on_stdin_writable(self):
        try:
            while self._stdin:
                self._stdin = self._stdin[os.write(self._stdin_fd, self._stdin) :]
        except BlockingIOError:
            self._loop.watch(self._stdin_fd, None, self._on_stdin_writable)
            return
        except OSError:
            pass  # it does not read its stdin, as in a shell's pipe
        self._close_stdin()

    def _close_stdin(self):
        if self._stdin_fd >= 0:
            self._loop.watch(self._stdin_fd)
            os.close(self._stdin_fd)
            self._stdin_fd, self._stdin = -1, memoryview(b'')

    # -- output

    def _on_readable(self, fd):
        if self._read(fd) is False:
            self._drop(fd)
            self._check_over()
        elif self._output.is_full():
            for each in self._fds:
                self._loop.watch(each)

    def _read(self, fd):
        """Read available data; None if there is none yet, False at the end."""
        try:
            data = os.read(fd, limits.READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return False  # a terminal that was hung up reports EIO
        if not data:
            return False
        self._output.write(self._fds[fd], data)
        return True

    def _watch(self):
        for fd in self._fds:
            self._loop.watch(fd, lambda fd=fd: self._on_readable(fd))

    def _drop(self, fd):
        if self._fds.pop(fd, None) is not None:
            self._loop.watch(fd)
            os.close(fd)

    def _let_go(self):
        while self._held:
            os.close(self._held.pop())
        if self._door is not None:
            self._door.close()

    def _check_over(self):
        if self._status is not None and not self._fds and not self._is_over:
            self._is_over = True
            if not self.is_killed:
                self._output.finish(self._status, self._ran)
            self._on_over(self)
