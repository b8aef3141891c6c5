"""Compares what copies files over ssh: svcfw, scp, sftp, rsync, paramiko, mitogen, execnet, Ansible's `copy`.

    python -m benchmarks.files [--rounds 3] [--delays 0,25] [--targets 1,8] [--only svcfw,scp] [--python BIN]

Each round runs every peer once, in a process of its own, one after the other, so that a change of the machine's speed
hits all of them; shown is the best of each number over the rounds. The server is an sshd of our own on the loopback,
each target a connection to it. Without a delay, bytes on the wire are counted in one more round through a proxy, for it
would be the slowest part. BIN: an interpreter that has mitogen 0.3.54, execnet and paramiko; without it a
virtualenv is made under build/. docs/benchmarks-files.md explains the rows and records results.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from benchmarks.file_peers.place import Place
from benchmarks.services import ROOT, best, made_venv, run, table
from tests.support.flow import line
from tests.support.sshd import Sshd, running_sshd

PEERS = ('svcfw', 'scp', 'scp_aes', 'sftp', 'rsync', 'paramiko', 'mitogen', 'execnet', 'copy')
PACKAGES = ('mitogen==0.3.54', 'execnet==2.1.2', 'paramiko>=3.4', 'ansible-core>=2.19')
MIB = 1024 * 1024
#: The few are for those that take some round trips for each, on the long line.
FILES, FEW_FILES = 2000, 50
#: How large the one file is, by whether the line is long.
BIG_BYTES = {False: 256 * MIB, True: 64 * MIB}
MIDDLE_BYTES = 64 * MIB
#: 1 % of it, in so many places.
CHANGES, CHANGED_BYTES = 164, 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--delays', default='0,25', help='ms one way')
    parser.add_argument('--targets', default='1,8')
    parser.add_argument('--only', default=','.join(PEERS))
    parser.add_argument('--python')
    options = parser.parse_args()
    python = options.python or made_venv(ROOT / 'build' / 'venvs' / 'benchmark-files', PACKAGES)
    with memory_folder() as top, running_sshd(top / 'sshd') as server:
        bench = Bench(top, server, python, options.only.split(','))
        for delay_ms in map(float, options.delays.split(',')):
            for targets in map(int, options.targets.split(',')):
                found = bench.measure(delay_ms, targets, options.rounds)
                plural = 's' if targets > 1 else ''
                print(f'\n{delay_ms:g} ms one way, {targets} target{plural}\n\n{table(found)}', flush=True)


@contextmanager
def memory_folder() -> Iterator[Path]:
    """A folder on a tmpfs: what a disk makes of thousands of new files depends on what was deleted there before."""
    is_root = os.geteuid() == 0
    top = Path(tempfile.mkdtemp(prefix='svcfw-bench-', dir=None if is_root else '/dev/shm'))
    try:
        if is_root:
            subprocess.run(['mount', '-t', 'tmpfs', 'none', top], check=True)
        yield top
    finally:
        if is_root:
            subprocess.run(['umount', '--lazy', top], check=True)
        shutil.rmtree(top)


class Bench:
    """The server, the files, and what it takes to run a peer."""

    def __init__(self, top: Path, server: Sshd, python: str, peers: list[str]) -> None:
        self._top = top
        self._server = server
        self._python = python
        self._peers = peers
        self._runs = 0

    def measure(self, delay_ms: float, targets: int, rounds: int) -> dict[str, dict[str, float]]:
        """The best of each number of each peer."""
        source = make_files(self._top / 'source', bool(delay_ms))
        found: dict[str, list[dict[str, float]]] = {peer: [] for peer in self._peers}
        for number in range(rounds):
            for peer in self._peers:
                print(f'round {number + 1} of {rounds}: {peer}', file=sys.stderr)
                found[peer].append(self._run(peer, source, delay_ms, targets, counts=bool(delay_ms)))
        numbers = {peer: best(all_rounds) for peer, all_rounds in found.items()}
        if not delay_ms:
            for peer in self._peers:
                print(f'counting: {peer}', file=sys.stderr)
                counted = self._run(peer, source, 0, targets, counts=True)
                numbers[peer].update((name, value) for name, value in counted.items() if name.endswith('on the wire'))
        return numbers

    def _run(self, peer: str, source: Path, delay_ms: float, targets: int, counts: bool) -> dict[str, float]:
        self._runs += 1
        destination = self._top / f'{peer}-{self._runs}'
        destination.mkdir()
        try:
            with self._line(delay_ms, counts) as (port, counter):
                place = self._place(port, counter, source, destination, targets, bool(delay_ms))
                return run(self._python, f'file_peers.with_{peer}', json.dumps(asdict(place)))
        finally:
            shutil.rmtree(destination)

    def _place(self, port: int, counter: str, source: Path, to: Path, targets: int, is_far: bool) -> Place:
        server = self._server
        known_hosts = self._top / 'known_hosts'
        kind, key = server.known_hosts.read_text().split()[1:]
        known_hosts.write_text(f'[{server.host}]:{port} {kind} {key}\n')
        # The first value of an option counts. No -F: who names a configuration of his own is not given the fast cipher.
        options = ['-o', f'UserKnownHostsFile={known_hosts}', *server.ssh_options()[2:]]
        return Place(
            server.host, port, server.user, str(server.key), str(known_hosts), options, targets, is_far,
            str(source), str(to), counter,
        )  # fmt: skip

    @contextmanager
    def _line(self, delay_ms: float, counts: bool) -> Iterator[tuple[int, str]]:
        """The port that leads to the server, and the file with the number of bytes, or ''."""
        if not counts:
            yield self._server.port, ''
            return
        counter = str(self._top / 'counter')
        with line(self._server.host, self._server.port, delay_ms, counter=counter) as port:
            yield port, counter


def make_files(folder: Path, is_far: bool) -> Path:
    """What is to be copied, with contents that cannot be compressed; see Place."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    write_random(folder / 'big', BIG_BYTES[is_far])
    write_random(folder / 'middle', MIDDLE_BYTES)
    shutil.copyfile(folder / 'middle', folder / 'middle-changed')
    places = random.Random(1).sample(range(MIDDLE_BYTES // CHANGED_BYTES), CHANGES)
    with (folder / 'middle-changed').open('r+b') as file:
        for number in places:
            file.seek(number * CHANGED_BYTES)
            file.write(os.urandom(CHANGED_BYTES))
    for name, count in (('small', FILES), ('few', FEW_FILES), ('warm', 3)):
        (folder / name).mkdir()
        for number in range(count):
            (folder / name / str(number)).write_bytes(os.urandom(1024))
    return folder


def write_random(path: Path, size: int) -> None:
    with path.open('wb') as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))


if __name__ == '__main__':
    main()
