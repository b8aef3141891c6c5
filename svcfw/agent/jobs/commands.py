"""Commands: processes that the agent starts and waits for."""

import fcntl
import os
import signal
import subprocess
import termios

from svcfw.agent import start_folder
from svcfw.agent.jobs import leader
from svcfw.agent.warm import locales
from svcfw.files.disk.paths import encoded


class Commands(object):
    """The running commands, each for a Job. Loop thread only, which must be the main thread.

    is_lent: a become command started this account; it would lead the session of each terminal.
    """

    def __init__(self, loop, is_lent=False):
        self._running = {}
        self._take_tty = _take_tty_below_leader if is_lent else _take_tty
        self._watch_sigchld(loop)
        #: Called whenever a child of this process may have ended, besides `reap`.
        self.on_sigchld = None

    def start(self, job, argv, stdin, terminal, program=None, variables=None):
        """Run argv (list of str) for a job; `program` (str) is its file, if that is not argv[0].

        terminal: None for pipes, else a new terminal takes stdout and stderr as one, and this (str) is the requester's
        TERM, '' if there is none. variables: what comes to its environment (dict of str). OSError or ValueError when it
        cannot be run.
        """
        argv = [encoded(word) for word in argv]
        program = argv[0] if program is None else encoded(program)
        cwd = start_folder.to_enter()
        if terminal is None:
            process = _on_pipes(job, program, argv, stdin, cwd, variables)
        else:
            process = _on_tty(job, program, argv, terminal, cwd, self._take_tty, variables)
        self._running[job] = process
        self.reap()  # SIGCHLD may have arrived already

    def send_signal(self, job, number):
        """Signal a job's process group."""
        process = self._running.get(job)
        if process is not None:
            try:
                os.killpg(process.pid, number)
            except OSError:
                pass  # it has ended, or belongs to another account now
        if job.got_sigkill:
            self.reap()

    def reap(self):
        """Report ended processes to their jobs.

        That of a killed job keeps its number until the last signal was sent: what it started may have outlived it.
        """
        for job, process in list(self._running.items()):
            if job.is_killed and not job.got_sigkill:
                continue
            code = process.poll()
            if code is not None:
                del self._running[job]
                job.exited(code)

    def is_busy(self):
        """Whether there is a command whose end was not told yet (bool)."""
        return bool(self._running)

    def still_running(self):
        """Whether any command still runs (bool). Only while ending: jobs are not told."""
        for job, process in list(self._running.items()):
            process.poll()
            try:
                os.killpg(process.pid, 0)
            except ProcessLookupError:
                del self._running[job]
            except PermissionError:
                del self._running[job]  # it belongs to another account now
        return bool(self._running)

    def _watch_sigchld(self, loop):
        """A pipe that gets a byte for each signal with a handler here."""
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


def _on_pipes(job, program, argv, stdin, cwd, variables):
    process = subprocess.Popen(
        argv,
        executable=program,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=_with(variables, locales.environment_before()),
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


def _on_tty(job, program, argv, term, cwd, take_tty, variables):
    ours, theirs = os.openpty()
    try:
        process = subprocess.Popen(
            argv,
            executable=program,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=cwd,
            env=_with(variables, _environment_on_tty(os.ttyname(theirs), term)),
            start_new_session=True,
            preexec_fn=take_tty,
        )
    except BaseException:
        os.close(ours)
        os.close(theirs)
        raise
    # A terminal whose last user closed it cannot be read, and closing our end would hang up a program that still runs:
    # many close their streams before they exit. So this process is one of its users until then.
    job.hold(theirs)
    job.read_from(ours, 1)
    return process


def _with(variables, environment):
    return dict(environment or os.environ, **variables) if variables else environment


def _take_tty():
    """In the fork, a session leader: make stdin its terminal. This process has one thread, so it may run code."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _take_tty_below_leader():
    _take_tty()
    leader.stand_before()


def _environment_on_tty(tty, term):
    """The environment that sshd gives to a program on this terminal."""
    environment = dict(locales.environment_before() or os.environ)
    if term:
        environment['TERM'] = term
    if 'SSH_CONNECTION' in environment:
        environment['SSH_TTY'] = tty
    return environment
