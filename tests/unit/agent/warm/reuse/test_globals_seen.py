"""What a run has changed of modules, seen by references; and what may change."""

import types
from typing import Any

import pytest

from svcfw.agent.warm.reuse import globals_seen
from svcfw.agent.warm.reuse.globals_seen import GlobalsSeen

NAME = 'ansible.house_module'


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """All that there are: those of the tests themselves change all the time."""
    made: dict[str, Any] = {}
    monkeypatch.setattr(globals_seen, 'sys', types.SimpleNamespace(modules=made))
    return made


@pytest.fixture
def module(modules: dict[str, Any]) -> Any:
    made = modules[NAME] = types.ModuleType(NAME)
    exec(
        'import functools\nNUMBER = 1\nLIST = [1]\nDICT = {"a": {"b": 1}}\n'
        'class Thing:\n    count = 0\n    seen = []\n'
        'THING = Thing()\nTHING.state = 1\n'
        '@functools.lru_cache()\ndef cached(x): return x\n',
        vars(made),
    )
    return made


@pytest.fixture
def seen(module: Any) -> GlobalsSeen:
    return GlobalsSeen()  # type: ignore[no-untyped-call]


def test_nothing_has_changed(seen: GlobalsSeen, module: Any) -> None:
    assert seen.changed() is None  # type: ignore[no-untyped-call]
    module.LIST = list(module.LIST)
    module.DICT['a'] = dict(module.DICT['a'])
    assert seen.changed() is None, 'a container with the same contents is the same'  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ('change', 'place'),
    [
        ('NUMBER = 2', f'{NAME} NUMBER'),
        ('NEW = 1', f'{NAME} NEW'),
        ('del NUMBER', f'{NAME} NUMBER'),
        ('LIST.append(2)', f'{NAME}.LIST'),
        ('DICT["c"] = 1', f'{NAME}.DICT c'),
        ('DICT["a"]["b"] = object()', 'an object b'),
        ('Thing.count = 1', 'an object count'),
        ('THING.state = 2', 'an object state'),
        ('Thing.seen.append(1)', 'an object'),
    ],
)
def test_a_change_is_named(seen: GlobalsSeen, module: Any, change: str, place: str) -> None:
    exec(change, vars(module))
    assert seen.changed() == place  # type: ignore[no-untyped-call]


def test_what_is_put_back_is_no_change(seen: GlobalsSeen, module: Any) -> None:
    before, module.NUMBER = module.NUMBER, 7
    assert seen.changed() is not None  # type: ignore[no-untyped-call]
    module.NUMBER = before
    assert seen.changed() is None  # type: ignore[no-untyped-call]


def test_caches_of_functions_are_emptied(seen: GlobalsSeen, module: Any) -> None:
    module.cached(1)
    assert seen.changed() is None  # type: ignore[no-untyped-call]
    assert module.cached.cache_info().currsize == 1
    seen.empty_caches()  # type: ignore[no-untyped-call]
    assert module.cached.cache_info().currsize == 0


def test_modules_that_came(seen: GlobalsSeen, modules: dict[str, Any]) -> None:
    assert seen.new_modules() == []  # type: ignore[no-untyped-call]
    modules['house_new'] = types.ModuleType('house_new')
    modules[NAME] = types.ModuleType(NAME)
    modules['__main__'] = types.ModuleType('__main__')
    assert sorted(seen.new_modules()) == [NAME, 'house_new']  # type: ignore[no-untyped-call]


def test_an_object_that_cannot_be_compared_counts_as_changed(module: Any) -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise ValueError('I am odd')

        __hash__ = None  # type: ignore[assignment]

    module.LIST.append(Odd())
    seen = GlobalsSeen()  # type: ignore[no-untyped-call]
    module.LIST[1] = Odd()
    assert seen.changed() == 'I am odd'  # type: ignore[no-untyped-call]


def test_what_a_run_is_given_may_change(modules: dict[str, Any]) -> None:
    basic: Any = types.ModuleType('ansible.module_utils.basic')
    modules[basic.__name__] = basic
    basic._ANSIBLE_ARGS, basic.other = None, 1
    seen = GlobalsSeen()  # type: ignore[no-untyped-call]
    basic._ANSIBLE_ARGS = b'{}'
    assert seen.changed() is None  # type: ignore[no-untyped-call]
    basic.other = 2
    assert seen.changed() == 'ansible.module_utils.basic other'  # type: ignore[no-untyped-call]
