"""Contents whose blocks are compared."""

import os
import random

BLOCK = 4096


def noise(source: random.Random, size: int) -> bytes:
    """`size` random bytes (Python 3.6 has no randbytes)."""
    return source.getrandbits(8 * size).to_bytes(size, 'big')


OLD = noise(random.Random(1), 256 * BLOCK + 100)


def fill(fd: int, content: bytes) -> None:
    os.ftruncate(fd, 0)
    os.pwrite(fd, content, 0)
