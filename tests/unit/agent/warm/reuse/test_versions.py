"""What a dict tells of its changes, on interpreters whose dicts do."""

import sys
from collections.abc import Callable

import pytest

from svcfw.agent.warm.reuse import versions

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 12), reason='dicts of this interpreter do not tell')
ONE = object()


class Example:
    attribute = 0


@pytest.mark.parametrize(
    'change',
    [
        lambda names: names.update(a=2),
        lambda names: names.update(new=2),
        lambda names: names.pop('a'),
        lambda names: names.popitem(),
        lambda names: names.clear(),
        lambda names: names.setdefault('new', 2),
        lambda names: exec('global a\na = 2', names),
        lambda names: exec('del a', names),
    ],
)
def test_each_change_is_told(change: Callable[[dict[str, object]], None]) -> None:
    names: dict[str, object] = {'__builtins__': {}, 'a': ONE}
    version = versions.of(names)
    before = version.value
    change(names)
    assert version.value != before


def test_changes_of_an_object_by_code_that_has_run_often_are() -> None:
    one = Example()
    one.attribute = 0
    version = versions.of(vars(one))

    def change(number: int) -> None:
        one.attribute = number

    for number in range(1, 100):
        before = version.value
        change(number)
        assert version.value != before


def test_so_are_those_of_a_global_and_of_a_class() -> None:
    names: dict[str, object] = {'a': 0}
    exec('def change(number):\n    global a\n    a = number', names)
    change = names['change']
    for place, act in ((names, change), (vars(Example), lambda number: setattr(Example, 'attribute', number))):
        version = versions.of(place)
        for number in range(1, 100):
            before = version.value
            act(number)  # type: ignore[operator]
            assert version.value != before


def test_a_look_changes_nothing() -> None:
    names = {'a': ONE}
    version = versions.of(names)
    before = version.value
    assert list(names) == ['a']
    assert list(names.values()) == [ONE]
    assert 'b' not in names
    assert version.value == before


def test_what_is_no_dict_tells_nothing() -> None:
    assert versions.of([1]) is None
    assert versions.of({1}) is None


def test_it_is_so_on_the_interpreters_that_are_known_to() -> None:
    assert versions.IS_TOLD
