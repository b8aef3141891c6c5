"""A file whose blocks are compared."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / 'file', os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)
