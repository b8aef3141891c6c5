"""Commands: processes that the agent itself starts, and waits for."""

import os
import pty
import signal
import subprocess

from svcfw.ansible.target import locales
from svcfw.ansible.target.files import encoded


class Commands(object):
    """The commands that run, each for a Job. Loop thread only, which must be the main one."""

    def __init__(self, loop):
        self._running = {}
        self._cwd = os.getcwd()
        self._watch_sigchld(loop)
        #: Called whenever some child of this process may have ended, besides `reap`.
        self.on_sigchld = None

    def start(self, job, argv, stdin, has_tty):
        """Run argv (list of str) for a job: on pipes, or on a new terminal, which takes stdout and stderr as one.

        OSError or ValueError when it cannot be run.
        """
        argv = [encoded(word) for word in argv]
        # As sshd does: a home that is gone keeps nobody out.
        cwd = self._cwd if os.path.isdir(self._cwd) else '/'
        process = _on_tty(job, argv, cwd) if has_tty else _on_pipes(job, argv, stdin, cwd)
        self._running[job] = process
        self.reap()  # its SIGCHLD may have come already

    def send_signal(self, job, number):
        """Signal a job's process and what that started, all one process group."""
        process = self._running.get(job)
        if process is not None:
            try:
                os.killpg(process.pid, number)
            except OSError:
                pass  # it is gone, or became another account's
        if job.is_doomed:
            self.reap()

    def reap(self):
        """Tell the jobs whose process has ended.

        That of a killed job keeps its number until the last signal was sent: what it started may have outlived it.
        """
        for job, process in list(self._running.items()):
            if job.is_killed and not job.is_doomed:
                continue
            code = process.poll()
            if code is not None:
                del self._running[job]
                job.exited(code if code >= 0 else 128 - code)

    def still_running(self):
        """Whether something is left of any command (bool). Only while ending: jobs are not told of what it finds."""
        for job, process in list(self._running.items()):
            process.poll()
            try:
                os.killpg(process.pid, 0)
            except ProcessLookupError:
                del self._running[job]
            except PermissionError:
                del self._running[job]  # another account's by now, and not ours to end
        return bool(self._running)

    def _watch_sigchld(self, loop):
        """A byte in a pipe for each signal that has a handler here."""
        wake_r, wake_w = os.pipe()
        for fd in (wake_r, wake_w):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(wake_w)
        loop.watch(wake_r, lambda: self._on_sigchld(wake_r))

    def _on_sigchld(self, fd):
        try:
            os.read(fd, 4096)
        except BlockingIOError:
            pass
        self.reap()
        if self.on_sigchld is not None:
            self.on_sigchld()


def _on_pipes(job, argv, stdin, cwd):
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=locales.environment_before(),
        start_new_session=True,
        bufsize=0,
    )
    for stream, number in ((process.stdout, 1), (process.stderr, 2)):
        job.read_from(os.dup(stream.fileno()), number)
        stream.close()
    if stdin:
        job.feed(os.dup(process.stdin.fileno()), stdin)
        process.stdin.close()
    return process


#: Makes the terminal that is its stdin the controlling one, which only its own open() does without code in the fork.
_TAKE_TTY = 'exec 3<>"$0" 3>&-; exec "$@"'


def _on_tty(job, argv, cwd):
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            ['/bin/sh', '-c', _TAKE_TTY, os.ttyname(theirs)] + argv,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=cwd,
            env=locales.environment_before(),
            start_new_session=True,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    job.read_from(ours, 1)
    return process
