"""What a client can tell of its multiplexer's process when it does not answer."""

import socket
import time
from pathlib import Path

from svcfw.mux import rundir


def pid_of(sock: socket.socket) -> int:
    """The pid of the multiplexer that `sock` is connected to; 0 if that is unknown, or it is one that still starts."""
    pid = rundir.peer_pid(sock)
    try:
        arguments = Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0')
    except OSError:
        return 0
    # Who has started it is the one that the kernel names first.
    return pid if any(each.endswith(b'mux/__main__.py') for each in arguments[:3]) else 0


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped (SIGSTOP, Ctrl-Z, a debugger). False where the system cannot tell."""
    try:
        status = Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return False
    return status.rpartition(')')[2].split()[0] in 'Tt'


def described(pid: int) -> str:
    """The process, its state and what to do about it; for the end of a sentence."""
    if not pid:
        return 'it hangs: see its log'
    if is_stopped(pid):
        return f'process {pid} is stopped: continue it (kill -CONT {pid}) or end it (kill -KILL {pid})'
    return f'process {pid} hangs: kill -USR1 {pid} has it write to its log where; kill -KILL {pid} ends it'


class Silence:
    """A wait for the first word of a multiplexer that has accepted a connection.

    One that is stopped is not waited for as long as one that may be busy: two looks, so that one that is continued just
    then is not taken for it.
    """

    LOOK_S = 1.0
    STOPPED_LOOKS = 2

    def __init__(self, sock: socket.socket, bound_s: float) -> None:
        self._socket = sock
        self._deadline = time.monotonic() + bound_s
        self._stopped = 0

    def receive(self, size: int) -> bytes | None:
        """What comes next, b'' at the end; None once nothing has come for too long. OSError."""
        while True:
            self._socket.settimeout(max(0.001, min(self.LOOK_S, self._deadline - time.monotonic())))
            try:
                return self._socket.recv(size)
            except TimeoutError:
                self._stopped = self._stopped + 1 if is_stopped(pid_of(self._socket)) else 0
            if self._stopped >= self.STOPPED_LOOKS or time.monotonic() > self._deadline:
                return None
