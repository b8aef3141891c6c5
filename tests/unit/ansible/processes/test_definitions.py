"""Definitions of options that go from worker to worker: they are those that core parses."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants

from svcfw.ansible.processes import definitions
from tests.unit.ansible import connections

NAME = 'ansible_collections.svcfw.svcfw.plugins.connection.svcfw'


class Config:
    """Core's, as far as it is asked."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}

    def has_configuration_definition(self, plugin_type: str, name: str) -> bool:
        return name in self.known

    def initialize_plugin_configuration_definitions(self, plugin_type: str, name: str, options: Any) -> None:
        self.known[name] = options

    def get_configuration_definitions(self, plugin_type: str, name: str) -> Any:
        return self.known.get(name, {})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(definitions, 'constants', SimpleNamespace(DEFAULT_LOCAL_TMP=str(tmp_path), config=Config()))
    return tmp_path


def config() -> Config:
    return definitions.constants.config


def test_what_core_has_parsed_comes_back_the_same(folder: Path) -> None:
    connections.connection_loader.get('svcfw', class_only=True)
    parsed = constants.config.get_configuration_definitions('connection', 'svcfw')
    assert len(parsed) > 30
    config().known[NAME] = parsed
    definitions.keep(NAME)
    config().known.clear()
    definitions.offer(NAME)
    assert config().known == {NAME: parsed}


def test_what_core_knows_is_left_alone(folder: Path) -> None:
    config().known[NAME] = {'a': {}}
    definitions.keep(NAME)
    config().known[NAME] = {'b': {}}
    definitions.offer(NAME)
    assert config().known[NAME] == {'b': {}}


def test_another_plugins_are_not_taken(folder: Path) -> None:
    config().known[NAME] = {'a': {}}
    definitions.keep(NAME)
    definitions.offer('ansible_collections.other.svcfw.plugins.connection.svcfw')
    assert list(config().known) == [NAME]


def test_those_of_a_short_name_are_not_written(folder: Path) -> None:
    config().known['svcfw'] = {'a': {}}
    definitions.keep('svcfw')
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize('content', ['', '{', '[]', '{"plugin": 1}', json.dumps({'plugin': NAME})])
def test_what_is_broken_is_parsed_by_core(folder: Path, content: str) -> None:
    (folder / 'svcfw-options.json').write_text(content)
    definitions.offer(NAME)
    assert config().known == {}


def test_a_core_without_these_methods_parses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (str(tmp_path), None):
        monkeypatch.setattr(definitions, 'constants', SimpleNamespace(DEFAULT_LOCAL_TMP=folder, config=object()))
        definitions.keep(NAME)
        definitions.offer(NAME)
    assert list(tmp_path.iterdir()) == []
