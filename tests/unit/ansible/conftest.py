"""A fake multiplexer, and connections to it."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip('ansible', reason='ansible-core is not installed')

from tests.support.fake_mux import FakeMux
from tests.unit.ansible.connections import make_connection


@pytest.fixture
def mux() -> FakeMux:
    return FakeMux()


@pytest.fixture
def connect(mux: FakeMux) -> Callable[..., Any]:
    """connect(**variables): a connection to `mux`."""
    return lambda **variables: make_connection(mux, **variables)
