"""Transfers between two routers."""

import pytest

from tests.support.routers import tree
from tests.unit.files.pairs import Pair


@pytest.fixture
def pair():
    with tree() as made:
        yield Pair(made)
