"""A multiplexer and targets for it, good ones and others."""

from collections.abc import Iterator

import pytest

from tests.support.mux import Mux, running_mux


@pytest.fixture
def mux() -> Iterator[Mux]:
    with running_mux(may_log_errors=True) as mux:
        yield mux
