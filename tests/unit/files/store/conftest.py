"""Where contents are kept, and written to."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def out(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / 'out', os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / 'cache'
