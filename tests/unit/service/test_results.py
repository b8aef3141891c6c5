"""Cached outcomes within their bounds, and keys that tell calls apart."""

from typing import Any

import pytest

from svcfw.core.wire.codec import Codec
from svcfw.core.wire.frames import DEAD, ERROR
from svcfw.service.results import ResultCache, Results, call_key
from tests.support.loops import Clock


def cache(**bounds: Any) -> tuple[ResultCache, Clock]:
    clock = Clock()
    return ResultCache(Results(**bounds), clock), clock


def test_an_outcome_is_kept_for_its_time() -> None:
    kept, clock = cache(ttl_s=10)
    kept.put('key', 0, b'value')
    clock.now = 9.9
    assert kept.get('key') == (0, b'value')
    clock.now = 10
    assert kept.get('key') is None
    assert len(kept) == 0


@pytest.mark.parametrize(('keeps', 'count'), [(False, 0), (True, 1)])
def test_failures_are_kept_only_where_that_is_said(keeps: bool, count: int) -> None:
    kept, _ = cache(keep_failures=keeps)
    kept.put('error', ERROR, b'x')
    kept.put('dead', DEAD, b'x')
    assert len(kept) == count


def test_the_oldest_make_room() -> None:
    kept, _ = cache(max_entries=2)
    for key in 'abc':
        kept.put(key, 0, b'x')
    assert [kept.get(key) is not None for key in 'abc'] == [False, True, True]


def test_the_bytes_are_bounded() -> None:
    kept, _ = cache(max_bytes=10)
    kept.put('a', 0, bytes(6))
    kept.put('b', 0, bytes(6))
    kept.put('c', 0, bytes(11))
    assert [kept.get(key) is not None for key in 'abc'] == [False, True, False]
    kept.put('b', 0, bytes(3))
    kept.put('d', 0, bytes(7))
    assert [kept.get(key) is not None for key in 'bd'] == [True, True]


def test_what_is_meant_is_forgotten() -> None:
    kept, _ = cache()
    for key in ('one', 'two'):
        kept.put(key, 0, b'x')
    kept.forget(lambda key: key == 'one')
    assert (kept.get('one'), kept.get('two')) == (None, (0, b'x'))


ENCODE = Codec().encode


def key(**arguments: Any) -> tuple[str, bytes]:
    return call_key('method', arguments, ENCODE)


def test_the_order_of_names_does_not_count() -> None:
    assert key(a=1, b={'x': 1, 'y': 2}) == key(b={'y': 2, 'x': 1}, a=1)
    assert key(a={3, 1, 2}) == key(a={2, 3, 1})


@pytest.mark.parametrize(
    ('one', 'other'),
    [(1, True), (1, 1.0), ('1', 1), (b'x', 'x'), ([1], (1,)), ([1, 2], [2, 1]), ({1}, [1]), (['ab', 'c'], ['a', 'bc'])],
)
def test_types_and_values_do(one: Any, other: Any) -> None:
    assert key(a=one) != key(a=other)


def test_no_argument_can_be_read_in_a_key() -> None:
    assert b'secret' not in key(a='secret')[1]
