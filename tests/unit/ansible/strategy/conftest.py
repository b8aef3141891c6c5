"""Logins that begin, of all strategies' tests."""

from typing import Any

import pytest

from svcfw.ansible.strategy import ahead


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of hosts whose logins began; those called 'bad' raise something."""
    names: list[str] = []

    def begin(variables: Any, task: Any, play_context: Any, make_templar: Any) -> None:
        names.append(variables['name'])
        if variables['name'].startswith('bad'):
            raise RuntimeError('of no matter')

    monkeypatch.setattr(ahead, 'begin', begin)
    return names
