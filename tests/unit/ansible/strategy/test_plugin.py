"""Which hosts' connections lead to svcfw, and where it is found."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.ansible.connection import Connection
from svcfw.ansible.strategy import plugin
from tests.unit.ansible import connections


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    assert connections  # core's loaders are set up there
    plugin.load.cache_clear()
    plugin.is_led.cache_clear()
    yield
    plugin.load.cache_clear()
    plugin.is_led.cache_clear()


def found(monkeypatch: pytest.MonkeyPatch, **classes: Any) -> None:
    monkeypatch.setattr(plugin.connection_loader, 'get', lambda name, class_only: classes.get(name.rpartition('.')[2]))


def test_the_short_name_is_tried_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plugin.load() == 'svcfw'
    plugin.load.cache_clear()
    monkeypatch.setattr(
        plugin.connection_loader, 'get', lambda name, class_only: Connection if name.count('.') else None
    )
    assert plugin.load() == 'svcfw.svcfw.svcfw'


@pytest.mark.parametrize('other', [None, str, 'svcfw'])
def test_what_only_has_its_name_is_not_it(monkeypatch: pytest.MonkeyPatch, other: Any) -> None:
    found(monkeypatch, svcfw=other)
    assert plugin.load() is None


@pytest.mark.parametrize(
    ('name', 'is_led'),
    [
        ('ssh', True),
        ('smart', True),
        ('ansible.builtin.ssh', True),
        ('ansible.legacy.ssh', True),
        ('local', False),
        ('ansible.builtin.local', False),
        ('ansible.netcommon.network_cli', False),
        ('svcfw', False),
    ],
)
def test_ssh_by_any_of_its_names(name: str, is_led: bool) -> None:
    assert plugin.is_led(name) == is_led


def test_somebodys_own_ssh_is_not_led(monkeypatch: pytest.MonkeyPatch) -> None:
    context = SimpleNamespace(resolved=True, plugin_resolved_collection='')
    monkeypatch.setattr(plugin.connection_loader, 'find_plugin_with_context', lambda name: context)
    assert not plugin.is_led('ssh')
    plugin.is_led.cache_clear()
    context.plugin_resolved_collection = 'ansible.builtin'
    assert plugin.is_led('ssh')
