"""A fake multiplexer, and connections to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('ansible', reason='ansible-core is not installed')

from ansible import constants

from tests.support.fake_mux import FakeMux
from tests.unit.ansible.connections import make_connection


@pytest.fixture(autouse=True)
def run_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ansible-core's folder for the run: each test is one."""
    folder = tmp_path_factory.mktemp('run')
    monkeypatch.setattr(constants, 'DEFAULT_LOCAL_TMP', str(folder))
    return folder


@pytest.fixture
def mux() -> FakeMux:
    return FakeMux()


@pytest.fixture
def connect(mux: FakeMux) -> Callable[..., Any]:
    """connect(**variables): a connection to `mux`."""
    return lambda **variables: make_connection(mux, **variables)
