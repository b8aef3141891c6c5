"""The callee's side of a chain: once a call has failed, no later one is made."""

from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.core.calls import chain
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import CallError
from tests.support import called

KEY = (5, b'chain')
ADD = ('tests.support.called', 'add')
NONE = ('tests.support.called', 'no_such_function')


@pytest.fixture
def router(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(chain, '_failed', {})
    logged: list[str] = []
    return SimpleNamespace(codec=Codec(), logged=logged, log=lambda router, level, text: logged.append(text))


def run(router: Any, name: tuple[str, str], *args: Any, key: Any = KEY, is_heard: bool = True) -> Any:
    failure, payload = chain.run(key, name, args, {}, is_heard, router=router)  # type: ignore[no-untyped-call]
    return failure if failure is not None else router.codec.decode(payload)


def test_calls_in_order(router: Any) -> None:
    assert called.add(1, 2) == 3
    assert run(router, ADD, 1, 2) == 3


def test_after_a_failure_each_call_fails_with_it(router: Any) -> None:
    failure = run(router, NONE)
    assert isinstance(failure, CallError)
    assert 'no_such_function' in failure.message
    assert run(router, ADD, 1, 2) is failure
    assert run(router, ADD, 1, 2, key=(5, b'other')) == 3, 'other chains go on'
    chain.forget(KEY, router=router)  # type: ignore[no-untyped-call]
    assert run(router, ADD, 1, 2) == 3
    assert router.logged == []


def test_a_failure_that_nobody_heard_of_is_logged(router: Any) -> None:
    run(router, NONE, is_heard=False)
    run(router, ADD, 1, 2, is_heard=False)
    chain.forget(KEY, router=router)  # type: ignore[no-untyped-call]
    assert [text.partition(':')[0] for text in router.logged] == ['a chain of calls failed without a caller that waits']
    run(router, NONE, is_heard=False)
    run(router, ADD, 1, 2)
    chain.forget(KEY, router=router)  # type: ignore[no-untyped-call]
    assert len(router.logged) == 1, 'a later call has told of it'


@pytest.mark.parametrize('value', ['lambda', 'large'])
def test_a_value_that_cannot_be_sent_is_a_failure(router: Any, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setattr(chain, 'MAX_FRAME_BYTES', 1000)
    made = object() if value == 'lambda' else 'x' * 1000
    monkeypatch.setattr(called, 'add', lambda: made)
    failure = run(router, ADD)
    assert isinstance(failure, CallError)
    assert 'EncodeError' in failure.typename
    assert run(router, ADD) is failure
