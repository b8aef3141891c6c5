"""The measurements, alike for all libraries. A peer offers what its library has, and None for what it has not:

call(value) -> value         call_async(value) -> function that waits for it
service(value) -> value      service_async(value) -> function that waits for it
hop(value) -> value          the same as call, through an intermediate child
service_hop(value) -> value  the same as service, through it
one_way(count, value)        so many messages to the child, until it has seen the last
start() -> function          a further child; the function ends it
child_pid() -> int           a further child, which has done nothing; it is left running
start_many(count) -> pids    so many further children, started as fast as the library does, and called once
fresh() -> child             a further child, which has done nothing
put_folder(child, source, to)  the folder `source`, to where nothing is; returns once all is there
put_file(children, source, to) one file to several of them at once, each to its path of `to`

Each peer's process is started with a Plan.
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SIZES = (64, 1024, 16 * 1024, 128 * 1024, 1024 * 1024)
IN_FLIGHT = 100
THREADS = 8
CALLERS = 16
CHILDREN = 50
FILES = 2000
LARGE_BYTES, MANY_TARGETS = 256 * 1024 * 1024, 8


@dataclass(frozen=True)
class Plan:
    """What one run of a peer measures.

    groups: names from GROUPS; count: calls for each number. host: '' for local children, else that of the server to
    reach them by, with port, user and the arguments that ssh needs beside them (options).
    """

    groups: list[str]
    count: int
    host: str = ''
    port: int = 0
    user: str = ''
    options: tuple[str, ...] = ()

    def ssh_command(self) -> list[str]:
        """The command line that a command for the server is appended to."""
        return ['ssh', *self.options, '-p', str(self.port), f'{self.user}@{self.host}']


def plan() -> Plan:
    """The Plan that this process was started for."""
    return Plan(**json.loads(sys.argv[1]))


Found = dict[str, float]


def latencies(function: Callable[[Any], Any], value: Any, count: int) -> list[float]:
    """Microseconds of each call, sorted."""
    taken = []
    clock = time.perf_counter
    for _ in range(count // 10 + 5):
        function(value)
    for _ in range(count):
        begun = clock()
        function(value)
        taken.append((clock() - begun) * 1e6)
    return sorted(taken)


def p(taken: list[float], percent: float) -> float:
    return taken[min(len(taken) - 1, int(len(taken) * percent / 100))]


def in_flight(start: Callable[[Any], Callable[[], Any]], value: Any, count: int) -> float:
    """Calls a second with a hundred in flight."""
    waiting: deque[Callable[[], Any]] = deque()
    begun = time.perf_counter()
    for _ in range(count):
        if len(waiting) == IN_FLIGHT:
            waiting.popleft()()
        waiting.append(start(value))
    while waiting:
        waiting.popleft()()
    return count / (time.perf_counter() - begun)


def from_threads(function: Callable[[Any], Any], value: Any, count: int, size: int = THREADS) -> float:
    """Calls a second from so many threads, one after another in each."""

    def run() -> None:
        for _ in range(count // size):
            function(value)

    threads = [threading.Thread(target=run) for _ in range(size)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count / (time.perf_counter() - begun)


def small_calls(peer: Any, count: int) -> Found:
    """One call after the other, with 64 bytes each way."""
    found: Found = {}
    for name in ('call', 'service', 'hop', 'service_hop'):
        function = getattr(peer, name, None)
        if function is not None:
            taken = latencies(function, b'x' * 64, count)
            label = name.replace('_', ' ')
            found[f'{label} p50 us'], found[f'{label} p99 us'] = p(taken, 50), p(taken, 99)
    return found


def calls_at_once(peer: Any, count: int) -> Found:
    """Calls a second, with a hundred in flight and from several threads."""
    found: Found = {}
    small = b'x' * 64
    for name in ('call', 'service'):
        start = getattr(peer, f'{name}_async', None)
        if start is not None:
            in_flight(start, small, count // 5)
            found[f'{name} 100 in flight /s'] = in_flight(start, small, 3 * count)
        function = getattr(peer, name, None)
        if function is not None:
            found[f'{name} 8 threads /s'] = from_threads(function, small, 2 * count)
    if getattr(peer, 'service', None) is not None:
        found['service 16 callers /s'] = from_threads(peer.service, small, 2 * count, CALLERS)
    return found


def larger_calls(peer: Any, count: int) -> Found:
    """One call after the other, with more bytes each way."""
    found: Found = {}
    for name in ('call', 'service'):
        function = getattr(peer, name, None)
        for size in SIZES[1:] if function is not None else ():
            taken = latencies(function, b'x' * size, max(30, count * 64 // (size + 64)))
            found[f'{name} {size // 1024} KiB p50 us'] = p(taken, 50)
    return found


def one_way(peer: Any, count: int) -> Found:
    """Messages that nobody answers, from the top down."""
    found: Found = {}
    if getattr(peer, 'one_way', None) is not None:
        for size, n in ((64, 10 * count), (128 * 1024, max(100, count // 2))):
            peer.one_way(n // 10, b'x' * size)
            begun = time.perf_counter()
            peer.one_way(n, b'x' * size)
            taken_s = time.perf_counter() - begun
            if size == 64:
                found['one way 64 B /s'] = n / taken_s
            else:
                found['one way 128 KiB MB/s'] = n * size / taken_s / 1e6
    return found


def starts(peer: Any, count: int) -> Found:
    """Children, what they take to start and what they need."""
    found: Found = {}
    taken_ms = []
    for _ in range(5):
        begun = time.perf_counter()
        end = peer.start()
        taken_ms.append((time.perf_counter() - begun) * 1e3)
        end()
    found['start ms'] = sorted(taken_ms)[len(taken_ms) // 2]
    found['child KiB'] = rss_kib(peer.child_pid())
    begun = time.perf_counter()
    pids = peer.start_many(CHILDREN)
    found['50 children ms'] = (time.perf_counter() - begun) * 1e3
    found['50 children MiB'] = sum(map(pss_kib, pids)) / 1024
    return found


def first_folder(peer: Any, count: int) -> Found:
    """A folder of small files to a child that has done nothing; in memory, where disks have no say."""
    if getattr(peer, 'put_folder', None) is None:
        return {}
    with tempfile.TemporaryDirectory(prefix='svcfw-bench-', dir='/dev/shm') as top:
        source, to = os.path.join(top, 'source'), os.path.join(top, 'to')
        os.mkdir(source)
        for number in range(FILES):
            with open(os.path.join(source, str(number)), 'wb') as file:
                file.write(os.urandom(1024))
        child = peer.fresh()
        begun = time.perf_counter()
        peer.put_folder(child, source, to)
        taken_s = time.perf_counter() - begun
        if sorted(os.listdir(to)) != sorted(os.listdir(source)):
            raise SystemExit('not all of the folder has come')
    return {'first folder files /s': FILES / taken_s}


def large_file(peer: Any, count: int) -> Found:
    """A file of 256 MiB to one child, and to eight at once, in memory: the sum over all of them."""
    if getattr(peer, 'put_file', None) is None:
        return {}
    found: Found = {}
    with tempfile.TemporaryDirectory(prefix='svcfw-bench-', dir='/dev/shm') as top:
        source = os.path.join(top, 'source', 'large')
        os.mkdir(os.path.dirname(source))
        with open(source, 'wb') as file:
            for _ in range(16):
                file.write(os.urandom(LARGE_BYTES // 16))
        for targets, name in ((1, '256 MiB to one MB/s'), (MANY_TARGETS, '256 MiB to eight MB/s')):
            to = [os.path.join(top, f'{targets}-{n}', 'large') for n in range(targets)]
            for path in to:
                os.mkdir(os.path.dirname(path))
            children = [peer.fresh() for _ in to]
            begun = time.perf_counter()
            peer.put_file(children, source, to)
            found[name] = targets * LARGE_BYTES / (time.perf_counter() - begun) / 1e6
            for path in to:
                if os.path.getsize(path) != LARGE_BYTES:
                    raise SystemExit('not all of the file has come')
                os.remove(path)
    return found


#: By name. The folder comes first: it is about what a process does for the first time.
GROUPS: dict[str, Callable[[Any, int], Found]] = {
    'folder': first_folder,
    'file': large_file,
    'calls': small_calls,
    'many': calls_at_once,
    'large': larger_calls,
    'one_way': one_way,
    'starts': starts,
}


def measure(peer: Any, groups: list[str], count: int) -> Found:
    """All that the peer can of these groups; `count` calls for each number."""
    found: Found = {}
    for name, function in GROUPS.items():
        if name in groups:
            found.update(function(peer, count))
    return found


def rss_kib(pid: int) -> int:
    """Resident memory of a process."""
    return kib(f'/proc/{pid}/status', 'VmRSS:')


def pss_kib(pid: int) -> int:
    """The same, what it shares with others divided among them."""
    return kib(f'/proc/{pid}/smaps_rollup', 'Pss:')


def kib(path: str, name: str) -> int:
    with open(path) as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))


def report(peer: Any) -> None:
    """The main function of a peer's process: JSON on stdout."""
    wanted = plan()
    print(json.dumps(measure(peer, wanted.groups, wanted.count)), flush=True)
