"""Files that a service lets its caller have: said to the multiplexer, by their absolute paths."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.ansible.services.granting import let_fetch, let_put
from svcfw.core import beside


def message(parent: Any) -> Any:
    return SimpleNamespace(src_id=7, router=SimpleNamespace(parent=lambda: parent))


@pytest.mark.parametrize(('let', 'writes'), [(let_fetch, False), (let_put, True)])
def test_it_is_said_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, let: Any, writes: bool) -> None:
    monkeypatch.chdir(tmp_path)
    sent: list[Any] = []
    parent = SimpleNamespace(send=lambda handle, value: sent.append((handle, value)))
    path = os.path.join(os.getcwd(), 'file')
    assert let(message(parent), './x/../file') == path
    assert sent == [(beside.SERVICE_FILE, (7, path, writes))]


@pytest.mark.parametrize('let', [let_fetch, let_put])
def test_a_service_of_no_run_has_nobody_to_say_it_to(let: Any) -> None:
    with pytest.raises(ValueError, match='only a service of a run'):
        let(message(None), '/file')
