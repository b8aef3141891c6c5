"""Contexts, senders and replies as values, and the names of functions."""

import types
from typing import Any

import pytest

from svcfw.core import context as context_module
from svcfw.core.context import Context, Reply, Sender
from svcfw.core.loop import Loop
from svcfw.core.wire.errors import ChannelError, TimeoutError


def test_contexts_are_equal_by_id() -> None:
    a, b, c = Context(None, 1, 'a'), Context(None, 1), Context(None, 2, 'a')
    assert a == b != c
    assert len({a, b, c}) == 2
    assert a != 1
    assert (str(a), str(b), repr(a)) == ('a', 'context 1', "Context(1, 'a')")


def test_senders_are_equal_by_context_and_handle() -> None:
    context = Context(None, 1)
    assert Sender(context, 5) == Sender(Context(None, 1), 5)
    assert len({Sender(context, 5), Sender(context, 5), Sender(context, 6)}) == 2
    assert Sender(context, 5) != (context, 5)


def test_a_long_wait_is_named_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context_module, 'STUCK_S', 0.0005)
    loop = Loop(lambda error: None)
    said: list[str] = []
    router: Any = types.SimpleNamespace(loop=loop, log=lambda router, level, text: said.append(text))
    reply = Reply(Context(router, 1, 'web1'), ('package.module', 'function'))
    with pytest.raises(TimeoutError):
        reply.get(0.01)
    assert said[0] == 'web1: no answer to package.module.function for 0.0005 s'
    assert 1 < len(said) < 10, 'each wait twice as long as the one before'
    loop.close()


def test_a_reply_is_taken_once() -> None:
    loop = Loop(lambda error: None)
    router: Any = types.SimpleNamespace(loop=loop)
    reply = Reply(Context(router, 1), ('module', 'function'))
    with pytest.raises(TimeoutError):
        reply.get(0)
    reply.put(types.SimpleNamespace(value=lambda: 5))
    assert reply.get(0) == 5
    with pytest.raises(ChannelError, match='taken already'):
        reply.get()
    loop.close()
