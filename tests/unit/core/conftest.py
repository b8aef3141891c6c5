"""Trees of routers in this process, and of contexts in others."""

from collections.abc import Iterator

import pytest

from svcfw.core.context import Context
from svcfw.program.router import Router
from tests.support import children
from tests.support.routers import Peer, Served, Tree, tree


@pytest.fixture
def made() -> Iterator[Tree]:
    with tree() as made:
        yield made


@pytest.fixture
def scene(made: Tree) -> tuple[Served, Peer, Peer]:
    top = made.master()
    return top, made.peer(top, 1, 'evil', ids=(64, 127)), made.peer(top, 2, 'victim')


@pytest.fixture
def router() -> Iterator[Router]:
    with children.router() as made:
        yield made


@pytest.fixture(params=children.PYTHONS)
def child(router: Router, request: pytest.FixtureRequest) -> Context:
    return children.start(router, request.param)
