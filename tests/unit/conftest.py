"""Contexts in other processes; routers in this one are in the conftest of core, whose tests run on 3.6 as well."""

from collections.abc import Iterator

import pytest

from svcfw.core.context import Context
from svcfw.program.router import Router
from tests.support import children


@pytest.fixture
def router() -> Iterator[Router]:
    with children.router() as made:
        yield made


@pytest.fixture(params=children.PYTHONS)
def child(router: Router, request: pytest.FixtureRequest) -> Context:
    return children.start(router, request.param)
