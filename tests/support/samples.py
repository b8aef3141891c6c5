"""Memory, descriptors, threads and processes over time, and whether they are flat."""

import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: What is sampled -> its unit. Memory is what processes do not share: that of forks would count many times.
KINDS = {'memory': 'MiB', 'descriptors': '', 'threads': '', 'processes': ''}
#: What may be more in the last third than in the second: of all, and beside that.
GROWTH, SLACK = 0.03, {'memory': 1.0, 'descriptors': 2.0, 'threads': 1.0, 'processes': 1.0}
#: Fewer samples say nothing.
MIN_SAMPLES = 9


@dataclass(frozen=True)
class Sample:
    """Of all processes of one side at one moment; seconds since the beginning."""

    seconds: float
    memory: float
    descriptors: int
    threads: int
    processes: int


def sample(seconds: float, pids: Iterable[int]) -> Sample:
    """Of these processes; one that ends meanwhile does not count."""
    memory, descriptors, threads, processes = 0.0, 0, 0, 0
    for pid in pids:
        try:
            lines = Path(f'/proc/{pid}/status').read_text().splitlines()
            count = len(os.listdir(f'/proc/{pid}/fd'))
        except OSError:
            continue
        fields = {line.split(':')[0]: line.split()[1:] for line in lines}
        if fields['State'][0] == 'Z' or 'RssAnon' not in fields:
            continue
        memory += _private_mib(pid)
        descriptors += count
        threads += int(fields['Threads'][0])
        processes += 1
    return Sample(seconds, memory, descriptors, threads, processes)


def _private_mib(pid: int) -> float:
    try:
        lines = Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(('Pss_Anon:', 'Pss_Shmem:'))) / 1024


def growth(samples: Sequence[Sample], kind: str) -> tuple[float, float]:
    """(median of the second third, median of the last third). ValueError if there are too few samples."""
    if len(samples) < MIN_SAMPLES:
        raise ValueError(f'{len(samples)} samples say nothing, at least {MIN_SAMPLES} are needed')
    values = [float(getattr(each, kind)) for each in samples]
    third = len(values) // 3
    return statistics.median(values[third : 2 * third]), statistics.median(values[2 * third :])


def not_flat(sides: Mapping[str, Sequence[Sample]]) -> list[str]:
    """What has grown, as lines for users; empty if all is flat."""
    found = []
    for side, samples in sides.items():
        for kind, unit in KINDS.items():
            before, after = growth(samples, kind)
            if after > before * (1 + GROWTH) + SLACK[kind]:
                found.append(f'{side}: {kind} grew from {before:.1f} to {after:.1f} {unit}'.rstrip())
    return found
