"""A small tree of routers in this process, and pools on them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from svcfw.core.context import Context
from svcfw.service import Pool, Service
from tests.support.routers import Served
from tests.unit.service.services import Family, families


@pytest.fixture
def family() -> Iterator[Family]:
    """A master with two children, of which the first has a child too; pools made by `host` are stopped."""
    with families() as made:
        yield made


@pytest.fixture
def host(family: Family) -> Callable[..., Pool]:
    """host(Class, ..., at=None, size=4): a pool with these services, at the master unless said otherwise."""

    def start(*services: type[Service], at: Served | None = None, **options: Any) -> Pool:
        return family.host(*services, at=at, **options)

    return start


@pytest.fixture
def caller(family: Family) -> Context:
    """The master as its first child sees it."""
    return family.master_from(family.child)
