"""Programs that are started for each transfer: over a connection that a ControlMaster has ready for each target."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from benchmarks.file_peers.place import Place


class Program:
    """What scp, sftp and rsync have in common; a peer but for `put` and `put_tree`. cipher: '' for the usual one."""

    sends_changes = False
    again: str | None = None
    small = 'few'
    copies_large = True
    memory_is_ours = False

    def __init__(self, place: Place, cipher: str = '') -> None:
        self._folder = Path(tempfile.mkdtemp(prefix='svcfw-bench-'))
        self._host = f'{place.user}@{place.host}'
        self._options = [*place.ssh_options, '-o', f'Port={place.port}']
        if cipher:
            self._options += ['-c', cipher]
        for n in range(place.targets):
            # Until its stdin ends.
            run(['ssh', *self.ssh_options(n), '-o', 'ControlMaster=yes', '-Nf', self._host])
        self._targets = place.targets

    def ssh_options(self, n: int) -> list[str]:
        return [*self._options, '-o', f'ControlPath={self._folder}/{n}']

    def shell(self, n: int) -> str:
        """The command that reaches target `n`, as rsync wants it."""
        return shlex.join(['ssh', *self.ssh_options(n)])

    def at(self, path: str) -> str:
        return f'{self._host}:{path}'

    def pids(self) -> list[int]:
        return []

    def close(self) -> None:
        for n in range(self._targets):
            run(['ssh', *self.ssh_options(n), '-O', 'exit', self._host])
        os.rmdir(self._folder)


def run(command: list[str], text: str = '') -> None:
    """Run a program, with `text` on its stdin, to its end."""
    quiet = subprocess.DEVNULL
    subprocess.run(command, input=text, text=True, stdout=quiet, stderr=quiet, check=True)
