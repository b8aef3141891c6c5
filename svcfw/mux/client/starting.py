"""Starts a multiplexer, for the first client that finds none.

The starter binds the socket, so that clients can connect and ask at once, while the multiplexer is still importing.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from svcfw.core.wire.errors import Error
from svcfw.mux import rundir

#: Variables of the client that starts it which a multiplexer keeps, as long as it lives: others may be secret.
_KEPT = frozenset({'PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LANGUAGE', 'TZ', 'TMPDIR'})
_KEPT_PREFIXES = ('LC_', 'LD_', 'DYLD_', 'PYTHON', 'SVCFW_', 'XDG_')
#: Has all memory overwritten that is given back: passwords and values that are not to be logged pass through it.
_WIPING = {'PYTHONMALLOC': 'malloc', 'GLIBC_TUNABLES': 'glibc.malloc.tcache_count=0:glibc.malloc.perturb=85'}
#: How long a multiplexer may take to start, other workers' attempts included.
START_S = 20.0


#: Those of this process that were not seen to end. One for each multiplexer that is started: there is hardly ever one.
_ending: 'list[subprocess.Popen[bytes]]' = []


class MuxError(Error):
    """The multiplexer cannot be started or reached."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file, so that forty workers that find no multiplexer start one, not forty."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as exc:
        raise MuxError(f'cannot create {path} ({exc.strerror}). {rundir.ELSEWHERE}') from exc
    try:
        deadline = time.monotonic() + START_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    text = f'{path} stays locked: {_holder(fd)} is starting the multiplexer. Try again, or end it'
                    raise MuxError(text) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(fd)


def _holder(fd: int) -> str:
    """Who has the lock, as far as the system tells."""
    try:
        inode = f':{os.fstat(fd).st_ino}'
        for line in Path('/proc/locks').read_text().splitlines():
            fields = line.split()
            if fields[1:2] == ['FLOCK'] and fields[5].endswith(inode):
                return f'process {fields[4]}'
    except (OSError, IndexError):
        pass
    return 'another process'


def note(folder: Path, text: str) -> None:
    """Write a line to the log of multiplexers, which the one that it is about cannot write."""
    try:
        with open(rundir.log_path(folder), 'a', encoding='utf-8') as log:
            log.write(f'{time.strftime("%Y-%m-%d %H:%M:%S")} WARNING svcfw.mux: {text}\n')
    except OSError:
        pass  # what matters is the one that is started


def _environment() -> dict[str, str]:
    """What the multiplexer itself goes by. What it starts for a client gets that one's own, and for no longer."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    return {**kept, **_WIPING}


def let_end(process: 'subprocess.Popen[bytes]') -> None:
    """Wait for no process that is about to end, and leave no zombie: as subprocess does, without a word."""
    _ending[:] = [each for each in (*_ending, process) if each.poll() is None]


def spawn(folder: Path) -> 'subprocess.Popen[bytes]':
    """Start a multiplexer; clients may connect when this returns. Raises MuxError. The caller holds the lock.

    The process returned ends at once and is to be waited for; one that cannot start closes the socket.
    """
    _ending[:] = [each for each in _ending if each.poll() is None]
    main = Path(__file__).parents[1] / '__main__.py'
    try:
        log_fd = os.open(rundir.log_path(folder), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise MuxError(f'cannot write {rundir.log_path(folder)} ({exc.strerror}). {rundir.ELSEWHERE}') from exc
    try:
        with rundir.listen(folder) as listener:
            # A new session and its own standard streams: workers are killed by process group, and a pipe that
            # ansible-playbook reads must not stay open. It forks at once, so that init adopts it.
            return subprocess.Popen(
                [sys.executable, str(main), str(folder), str(listener.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log_fd,
                start_new_session=True,
                pass_fds=[listener.fileno()],
                cwd='/',
                env=_environment(),
            )
    except (OSError, subprocess.SubprocessError) as exc:
        raise MuxError(f'cannot start the multiplexer: {exc}. See {rundir.log_path(folder)}') from exc
    finally:
        os.close(log_fd)
