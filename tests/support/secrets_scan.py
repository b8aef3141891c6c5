"""Finds planted secrets in the memory of running processes, as root can read it."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

#: Read at once; secrets may lie across the border of two pieces.
PIECE_BYTES = 16 * 1024 * 1024


def found(pid: int, secrets: Iterable[bytes]) -> dict[bytes, int]:
    """How often each secret is in the writable memory of a process. Empty if it has ended."""
    pattern = re.compile(b'|'.join(map(re.escape, secrets)))
    counts: dict[bytes, int] = {}
    try:
        maps = Path(f'/proc/{pid}/maps').read_text().splitlines()
        memory = os.open(f'/proc/{pid}/mem', os.O_RDONLY)
    except (FileNotFoundError, ProcessLookupError):
        return counts
    try:
        for line in maps:
            place, mode, *_ = line.split()
            if not mode.startswith('rw'):
                continue
            start, end = (int(each, 16) for each in place.split('-'))
            for at in range(start, end, PIECE_BYTES):
                try:
                    data = os.pread(memory, min(PIECE_BYTES + 256, end - at), at)
                except OSError:
                    break
                for match in pattern.finditer(data):
                    counts[match[0]] = counts.get(match[0], 0) + 1
    finally:
        os.close(memory)
    return counts
