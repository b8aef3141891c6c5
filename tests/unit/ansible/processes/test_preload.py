"""What core looks up before it forks workers."""

import importlib
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.ansible.processes import preload


class Core:
    """As much of ansible-core as is asked; `asked` holds what for. Lacking modules raise ImportError."""

    def __init__(self, *modules: str) -> None:
        self.asked: list[Any] = []
        result = SimpleNamespace(
            get_result_key_to_resolved_field_mapping=lambda source_is_module: self.asked.append(source_is_module)
        )
        json = SimpleNamespace(
            Direction=SimpleNamespace(CONTROLLER_TO_MODULE='there', MODULE_TO_CONTROLLER='back'),
            get_module_encoder=lambda *wanted: self.asked.append(wanted),
            get_module_decoder=lambda *wanted: self.asked.append(wanted),
        )
        #: Where plugins may be, and whether that is core's own.
        self.places = [SimpleNamespace(path='/', internal=True), SimpleNamespace(path='/no/such', internal=False)]
        finder = SimpleNamespace(find_plugin=self.asked.append, _get_paths_with_context=lambda: self.places)
        every = {
            'ansible.module_utils.common.json': json,
            'ansible.plugins.loader': SimpleNamespace(shell_loader=finder, become_loader=finder),
            'ansible._internal._task': SimpleNamespace(UnifiedTaskResult=result),
        }
        self._modules = {name: every[name] for name in modules or every}

    def import_module(self, name: str) -> Any:
        if name not in self._modules:
            raise ImportError(name)
        return self._modules[name]


ENCODINGS = [('legacy', 'there'), ('legacy', 'back')]
PLUGINS = ['sh', 'sudo']


@pytest.mark.parametrize(
    ('core', 'asked'),
    [
        (Core(), [*ENCODINGS, False, True, *PLUGINS]),
        (Core('ansible.module_utils.common.json'), ENCODINGS),
        (Core('ansible._internal._task'), [False, True]),
        (Core('ansible.plugins.loader'), PLUGINS),
    ],
    ids=['all', 'encodings', 'fields', 'plugins'],
)
def test_what_a_core_has_is_asked_for(core: Core, asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preload, 'importlib', core)
    preload.preload()
    assert core.asked == asked


def test_the_core_at_hand_has_what_is_asked_for() -> None:
    """Each fact under its name, as far as its release has it; from then on it is in core's own cache."""
    preload.preload()
    json = importlib.import_module('ansible.module_utils.common.json')
    if hasattr(json, 'get_module_encoder'):
        assert {'c2m', 'm2c'} <= {name.rpartition('_')[2] for name in sys.modules if '_profiles._module_legacy' in name}
    result = getattr(sys.modules.get('ansible._internal._task'), 'UnifiedTaskResult', None)
    if result is not None:
        cached = vars(result)['get_result_key_to_resolved_field_mapping'].__func__
        before = cached.cache_info()
        result.get_result_key_to_resolved_field_mapping(source_is_module=True)
        assert cached.cache_info().misses == before.misses


def test_plugins_are_found_by_then(monkeypatch: pytest.MonkeyPatch) -> None:
    loader = importlib.import_module('ansible.plugins.loader')
    for each in (loader.shell_loader, loader.become_loader):  # this machine may have others
        cores = [place for place in each._get_paths_with_context() if place.internal]
        monkeypatch.setattr(each, '_paths', cores)
    preload.preload()
    assert 'svcfw.ansible.copy' in sys.modules
    monkeypatch.setattr(loader.os, 'listdir', lambda path: pytest.fail(f'{path} is looked through again'))
    assert loader.shell_loader.find_plugin('sh')
    assert loader.become_loader.find_plugin('su')


def test_a_folder_of_the_users_is_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """A play may write a plugin into it."""
    core = Core('ansible.plugins.loader')
    core.places.append(SimpleNamespace(path='/', internal=False))
    monkeypatch.setattr(preload, 'importlib', core)
    preload.preload()
    assert core.asked == []


def test_where_core_would_go_on_with_what_it_knows_of_a_name_it_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    core = Core('ansible.plugins.loader')
    monkeypatch.setattr(preload, 'importlib', core)
    monkeypatch.setattr(preload.constants, 'OLD_PLUGIN_CACHE_CLEARING', True)
    preload.preload()
    assert core.asked == []
