"""A long or slow line to a server, and how far a transfer over it is."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.sshd import LOOPBACK, free_port

CHECKOUT = Path(__file__).parents[2]


@contextmanager
def line(host: str, port: int, delay_ms: float, mbit_s: float = 0, counter: str = '') -> Iterator[int]:
    """A port of the loopback that leads to `host` and `port`; see benchmarks.delay_proxy for the rest."""
    own = free_port(LOOPBACK)
    ends = (f'{LOOPBACK}:{own}', f'{host}:{port}', str(delay_ms), str(mbit_s))
    command = [sys.executable, '-m', 'benchmarks.delay_proxy', *ends, *filter(None, [counter])]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        assert proxy.stdout.readline() == 'ready\n'
        try:
            yield own
        finally:
            proxy.kill()


class Progress:
    """Called with how far a transfer is; another thread waits for that."""

    def __init__(self) -> None:
        self.done = 0
        self._ready, self._told = os.pipe()
        self._awaited = 1 << 62

    def wait_for(self, size: int) -> None:
        """Until so many bytes are done. One thread, once."""
        self._awaited = size
        os.read(self._ready, 1)
        os.close(self._ready)
        os.close(self._told)

    def __call__(self, done: int, total: int) -> None:
        self.done = done
        if done >= self._awaited:
            self._awaited = 1 << 62
            os.write(self._told, b'1')
