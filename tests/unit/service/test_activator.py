"""The default activator: names that lead to a service, and those that do not."""

from typing import Any

import pytest

from svcfw.service import Activator, RefusedError
from svcfw.service.policy import Policy
from tests.unit.service import importable


class Message:
    def __init__(self, auth_id: int) -> None:
        self.auth_id = auth_id
        self.router = type('Router', (), {'own_id': 5, 'parent_ids': (2, 0)})


@pytest.mark.parametrize(('auth_id', 'may'), [(5, True), (2, True), (0, True), (10, False), (7, False)])
def test_only_this_context_and_those_above_may_have_one_made(auth_id: int, may: bool) -> None:
    assert Activator().is_permitted(Message(auth_id)) == may


def test_a_class_is_found_by_its_module() -> None:
    assert Activator().find(importable.Plain.name()) is importable.Plain


@pytest.mark.parametrize('name', ['', 'Plain', '.Plain', 'tests.', 'tests..Plain'])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(RefusedError, match=r'expected package\.module\.Class'):
        Activator().find(name)


def test_a_module_without_that_class() -> None:
    with pytest.raises(RefusedError, match='has no attribute Nothing'):
        Activator().find('tests.unit.service.importable.Nothing')


def test_a_module_that_is_not_there() -> None:
    with pytest.raises(RefusedError, match='has no attribute nowhere'):
        Activator().find('tests.unit.service.nowhere.Thing')


@pytest.mark.parametrize('found', [Policy, importable, print, object()])
def test_only_a_service_is_made(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    activator = Activator()
    monkeypatch.setattr(activator, 'find', lambda name: found)
    with pytest.raises(RefusedError, match='is not a subclass'):
        activator.activate(None, 'a.B')
