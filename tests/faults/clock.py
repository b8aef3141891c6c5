"""Clocks that jump: the time of day of all processes of one side, by a library that is preloaded there (clock.c).

This machine's own clock is everybody's. What measures how long something takes (CLOCK_MONOTONIC) cannot jump.
"""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from tests.support.hosts import Host

SOURCE = Path(__file__).with_name('clock.c')
#: Where a host has its offset, and the library.
OFFSET, LIBRARY = '/etc/svcfw-clock', '/usr/lib/svcfw-clock.so'


def built(directory: Path) -> Path:
    """The library; skips without a compiler."""
    compiler = shutil.which('cc')
    if compiler is None:
        pytest.skip('no C compiler on this machine: clocks cannot jump')
    library = directory / 'clock.so'
    subprocess.run([compiler, '-shared', '-fPIC', '-O1', '-o', library, SOURCE, '-ldl'], check=True)
    library.chmod(0o755)
    return library


class Clock:
    """The time of day of one side; right at first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_bytes(struct.pack('d', 0))
        path.chmod(0o644)

    def jump(self, seconds: float) -> None:
        """Be so many seconds ahead, or behind, of what it was at first. In place: it is mapped."""
        with self._path.open('r+b') as file:
            file.write(struct.pack('d', seconds))


def give(host: Host, library: Path) -> Clock:
    """Let all that a host starts from now on go by a clock of its own."""
    shutil.copy(library, host.path(LIBRARY))
    clock = Clock(host.path(OFFSET))
    host.path('/etc/ld.so.preload').write_text(f'{LIBRARY}\n')
    return clock
