"""The controller's files that the playbook sends: big, empty, oddly named, packed. Made the same each time."""

import io
import random
import tarfile
from pathlib import Path

BIG_BYTES = 8 * 1024 * 1024 + 1
ODD_NAMES = ('with space', 'quote\'d "name"', '$dollar `tick`', 'ünï-日本', '-dash', 'new\nline')


def make(directory: Path) -> Path:
    """Fill `directory`, which is made, and return it."""
    directory.mkdir()
    (directory / 'big.bin').write_bytes(random.Random(1).randbytes(BIG_BYTES))
    (directory / 'empty').write_bytes(b'')
    odd = directory / 'odd'
    odd.mkdir()
    for name in ODD_NAMES:
        (odd / name).write_text(f'content of {name}\n')
    with tarfile.open(directory / 'tree.tar.gz', 'w:gz') as archive:
        for index in range(20):
            content = f'packed {index} ü\n'.encode()
            entry = tarfile.TarInfo(f'packed/folder{index % 3}/file{index}.txt')
            entry.size, entry.mtime, entry.mode = len(content), 1_600_000_000, 0o640
            archive.addfile(entry, io.BytesIO(content))
    return directory
