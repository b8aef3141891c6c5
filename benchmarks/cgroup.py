"""CPU time of processes with all that they ever start, daemons included, by a cgroup of their own. Needs root."""

import os
import signal
import time
from pathlib import Path


class Cgroup:
    """A cgroup (v2; no controller need be enabled). A context manager: on leaving, its processes are killed."""

    def __init__(self, name: str) -> None:
        self.path = root() / f'svcfw-bench-{os.getpid()}-{name}'

    def __enter__(self) -> 'Cgroup':
        self.path.mkdir()
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        self.path.rmdir()

    def enter(self) -> None:
        """Put the calling process in; for a child before its exec."""
        (self.path / 'cgroup.procs').write_text(str(os.getpid()))

    def cpu_s(self) -> float:
        """Seconds of user and system time of all its processes so far, ended ones included."""
        fields = dict(line.split() for line in (self.path / 'cpu.stat').read_text().splitlines())
        return int(fields['usage_usec']) / 1e6

    def kill(self) -> None:
        """End all its processes and wait until they are gone."""
        while pids := (self.path / 'cgroup.procs').read_text().split():
            for pid in pids:
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.01)


def root() -> Path:
    """Where the cgroup v2 hierarchy is mounted; SystemExit if it is not."""
    for line in Path('/proc/mounts').read_text().splitlines():
        _, mounted, kind = line.split()[:3]
        if kind == 'cgroup2':
            return Path(mounted)
    raise SystemExit('needs a cgroup v2 hierarchy')
