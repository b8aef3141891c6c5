"""What a client can tell of its multiplexer's process when it does not answer; imported then."""

import socket
from pathlib import Path

from svcfw.mux import credentials


def pid_of(sock: socket.socket) -> int:
    """The pid of the multiplexer that `sock` is connected to; 0 if that is unknown, or it is one that still starts."""
    pid = credentials.peer_pid(sock)
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
