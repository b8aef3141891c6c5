"""What of the collection runs on targets, where it can be tried without one."""

import contextlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import svcfw
from svcfw.core.wire.codec import Codec
from svcfw.mux.server.services.desk import MAX_REQUEST_BYTES

PLUGINS = Path(__file__).parents[3] / 'ansible_plugins'


def loaded(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, PLUGINS / path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.mark.parametrize('name', ['x', 'x' * 4000, '\u6f22' * 80, '\udcff' * 200])
def test_paths_in_one_request_are_as_many_as_the_controller_takes(name: str) -> None:
    services: Any = loaded('module_utils/services.py')
    paths = [f'/{number}/{name}' for number in range(3000)]
    groups = list(services._groups(paths))
    assert [path for group in groups for path in group] == paths
    for group in groups:
        arguments = Codec().encode({'paths': group, 'into': 'x' * 100, 'lacks_all': False})
        assert len(arguments) < MAX_REQUEST_BYTES - 1024
        assert len(group) <= 500


class Tree:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    def fetch(self, services: Any, lacking: Any) -> None:
        raise self._error


def test_what_was_put_in_its_place_before_a_failure_is_told() -> None:
    module: Any = loaded('modules/svcfw_copy_tree.py')
    services: Any = contextlib.nullcontext(SimpleNamespace())
    with pytest.raises(module.Odd, match='the controller is gone'):
        module.fetch(services, Tree(svcfw.ChannelError('the controller is gone')), [1])


@pytest.mark.parametrize('error', [ValueError('a mistake of ours'), OSError('the disk'), SystemExit(1)])
@pytest.mark.parametrize('is_context', [False, True])
def test_other_failures_are_what_they_are(
    monkeypatch: pytest.MonkeyPatch, is_context: bool, error: BaseException
) -> None:
    module: Any = loaded('modules/svcfw_copy_tree.py')
    if not is_context:
        monkeypatch.delitem(sys.modules, 'svcfw')
    with pytest.raises(type(error)) as raised:
        module.fetch(contextlib.nullcontext(), Tree(error), [1])
    assert raised.value is error
