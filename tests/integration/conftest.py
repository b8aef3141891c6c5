"""Fixtures of the integration tests."""

from collections.abc import Iterator

import pytest

from tests.support.mux import Mux, running_mux


@pytest.fixture
def mux() -> Iterator[Mux]:
    """A multiplexer of the test's own, not yet started; nothing of it may be left at the end."""
    with running_mux() as mux:
        yield mux
