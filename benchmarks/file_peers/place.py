"""Where a peer is to copy what, and the measurements, alike for all peers. A peer is made with a Place and offers:

put(n, source, to)        the file `source` to the path `to` of target n; called for all targets at once, by threads
put_tree(n, source, to)   the folder `source`, to where nothing is
trees(source, to)         in the place of put_tree, where one call brings a folder to all targets: `to` is a list
pids()                    the processes of its own over there; [] if it has none that stay
close()
copies_large              whether it is given large files; `put` can be left out if not
memory_is_ours            whether all of it that is here is this process
sends_changes             whether it sends of a changed file less than the whole
again                     'other' if it knows a content that goes to another place, 'same' if only at its place
small                     the folder with many files that it can copy in a reasonable time over a long line
small_near                the same without one; `small` if left out
"""

import filecmp
import json
import os
import shutil
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Place:
    """host, port, user, key, known_hosts, ssh_options: of the server. source: a folder with the files `big`, `middle`,
    `middle-changed` and the folders `small` and `few`; destination: a folder for this peer alone. counter: a file that
    holds how many bytes have crossed the wire, or ''."""

    host: str
    port: int
    user: str
    key: str
    known_hosts: str
    ssh_options: list[str]
    targets: int
    is_far: bool
    source: str
    destination: str
    counter: str

    def wire_bytes(self) -> int:
        """Bytes that have crossed the wire, both ways."""
        time.sleep(0.1)  # what is still under way
        return sum(struct.unpack_from('2Q', Path(self.counter).read_bytes()))


def measure(peer: Any, place: Place) -> dict[str, float]:
    """All numbers of one peer."""
    measured = _Measured(peer, place)
    measured.warm_up()
    measured.big()
    measured.small()
    measured.changed()
    measured.again()
    return measured.found


class _Measured:
    def __init__(self, peer: Any, place: Place) -> None:
        self.found: dict[str, float] = {}
        self._peer = peer
        self._place = place
        self._source = Path(place.source)

    def warm_up(self) -> None:
        """Let it log in and load what it needs."""
        if self._peer.copies_large:
            paths = self._paths('warm')
            self._put(self._source / 'warm' / '0', paths)
            self._remove(paths)
        paths = self._paths('warm-tree')
        self._put_tree(self._source / 'warm', paths)
        self._remove(paths)

    def big(self) -> None:
        if not self._peer.copies_large:
            return
        source = self._source / 'big'
        pids = self._peer.pids()
        for pid in ('self', *pids):
            Path(f'/proc/{pid}/clear_refs').write_text('5')
        paths = self._paths('big')
        size = source.stat().st_size
        taken_s = self._timed('one file', lambda: self._put(source, paths))
        self._check(source, paths)
        self.found['one file MB/s'] = size * len(paths) / taken_s / 1e6
        if self._peer.memory_is_ours:
            self.found['peak memory here MiB'] = peak_mib('self')
        if pids:
            self.found['peak memory there MiB'] = max(map(peak_mib, pids))
        self._remove(paths)

    def small(self) -> None:
        near = getattr(self._peer, 'small_near', 'small')
        source = self._source / (self._peer.small if self._place.is_far else near)
        paths = self._paths('small')
        names = sorted(os.listdir(source))
        per = len(names) * len(paths)
        taken_s = self._timed('a small file', lambda: self._put_tree(source, paths), 'B', per)
        for path in paths:
            if sorted(os.listdir(path)) != names:
                raise SystemExit(f'not all of {path} has come')
        self._check(source / names[-1], [path / names[-1] for path in paths])
        self.found['small files /s'] = per / taken_s
        self._remove(paths)

    def changed(self) -> None:
        if not self._peer.sends_changes:
            return
        paths = self._paths('changed')
        for path in paths:
            shutil.copyfile(self._source / 'middle', path)
        changed = self._source / 'middle-changed'
        taken_s = self._timed('1 % changed', lambda: self._put(changed, paths))
        self._check(changed, paths)
        self.found['1 % changed ms'] = taken_s * 1e3
        self._remove(paths)

    def again(self) -> None:
        if not self._peer.again:
            return
        first, second = self._paths('first'), self._paths('second')
        middle = self._source / 'middle'
        self._put(middle, first)
        if self._peer.again == 'same':
            second = first
        taken_s = self._timed('known content', lambda: self._put(middle, second), 'B', 1)
        self._check(middle, second)
        self.found['known content ms'] = taken_s * 1e3
        self._remove(first + second)

    def _paths(self, name: str) -> list[Path]:
        folders = [Path(self._place.destination, str(n)) for n in range(self._place.targets)]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        return [folder / name for folder in folders]

    def _put(self, source: Path, paths: list[Path]) -> None:
        at_once([lambda n=n, path=path: self._peer.put(n, str(source), str(path)) for n, path in enumerate(paths)])

    def _put_tree(self, source: Path, paths: list[Path]) -> None:
        if hasattr(self._peer, 'trees'):
            self._peer.trees(str(source), [str(path) for path in paths])
            return
        at_once([lambda n=n, path=path: self._peer.put_tree(n, str(source), str(path)) for n, path in enumerate(paths)])

    def _timed(self, name: str, function: Callable[[], None], unit: str = 'KB', per: float = 1e3) -> float:
        """Seconds that it takes; counts what crosses the wire, in a `unit` of `per` bytes."""
        before = self._place.wire_bytes() if self._place.counter else 0
        begun = time.perf_counter()
        function()
        taken_s = time.perf_counter() - begun
        if self._place.counter:
            self.found[f'{name}, {unit} on the wire'] = (self._place.wire_bytes() - before) / per
        return taken_s

    def _check(self, source: Path, paths: list[Path]) -> None:
        for path in paths:
            if path.stat().st_size != source.stat().st_size:
                raise SystemExit(f'{path} has {path.stat().st_size} bytes')
        if not filecmp.cmp(source, paths[-1], shallow=False):
            raise SystemExit(f'{paths[-1]} is not what was sent')

    def _remove(self, paths: list[Path]) -> None:
        for path in set(paths):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def at_once(functions: list[Callable[[], None]]) -> None:
    """Call all at the same time, on a thread each; one of their errors is raised."""
    if len(functions) == 1:
        functions[0]()
        return
    errors: list[BaseException] = []

    def run(function: Callable[[], None]) -> None:
        try:
            function()
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def peak_mib(pid: int | str) -> float:
    """The most memory that a process has had since that was last reset."""
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('VmHWM:'):
            return int(line.split()[1]) / 1024
    raise ValueError(f'process {pid} has no memory')


def read() -> Place:
    """The Place that this process was started for."""
    return Place(**json.loads(sys.argv[1]))


def report(make_peer: Callable[[Place], Any]) -> None:
    """The main function of a peer's process: JSON on stdout."""
    place = read()
    peer = make_peer(place)
    try:
        print(json.dumps(measure(peer, place)), flush=True)
    finally:
        peer.close()
