"""Contents that are kept, and what is to be seen of it."""

import hashlib
import os
from pathlib import Path

from svcfw.files.store.store import Store


def digest_of(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


HELLO = b'hello'


HELLO_DIGEST = digest_of(HELLO)


def without_memory(folder: Path, folder_bytes: int = 1 << 24) -> Store:
    """A store whose contents are read from the folder each time."""
    held = Store(memory_bytes=10, folder=folder, folder_bytes=folder_bytes)
    held._memory.put = lambda *args: None  # type: ignore[method-assign]
    return held


def kept_files(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))
