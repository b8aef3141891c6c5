"""Trees of routers in this process."""

from collections.abc import Iterator

import pytest

from tests.support.routers import Peer, Served, Tree, tree


@pytest.fixture
def made() -> Iterator[Tree]:
    with tree() as made:
        yield made


@pytest.fixture
def scene(made: Tree) -> tuple[Served, Peer, Peer]:
    top = made.master()
    return top, made.peer(top, 1, 'evil', ids=(64, 127)), made.peer(top, 2, 'victim')
