"""Contexts, senders and replies as values, and the names of functions."""

import functools
import os.path
import sys
import types
from typing import Any

import pytest

from svcfw.core import context as context_module
from svcfw.core.calls.caller import function_name
from svcfw.core.context import Context, Reply, Sender
from svcfw.core.loop import Loop
from svcfw.core.wire.errors import ChannelError, TimeoutError
from tests.support import called


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


@pytest.mark.parametrize(
    ('function', 'name'),
    [
        (called.add, ('tests.support.called', 'add')),
        (called.Base.which, ('tests.support.called', 'Base.which')),
        (called.Derived.which, ('tests.support.called', 'Derived.which')),
        (called.Derived.doubled, ('tests.support.called', 'Base.doubled')),
        (called.Base.Inner.which, ('tests.support.called', 'Base.Inner.which')),
        (os.path.join, ('posixpath', 'join')),
        (len, ('builtins', 'len')),
        (dict.fromkeys, ('builtins', 'dict.fromkeys')),
    ],
)
def test_function_names(function: Any, name: tuple[str, str]) -> None:
    assert function_name(function) == name


@pytest.mark.parametrize('thing', [lambda: 1, functools.partial(called.add, 1), 'add', None, 5, [].append])
def test_what_has_no_name(thing: Any) -> None:
    with pytest.raises(TypeError, match='cannot be called elsewhere'):
        function_name(thing)


def test_the_program_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    program: Any = types.ModuleType('__main__')
    exec('def work(): pass\nclass Service:\n    def method(self): pass\n', vars(program))
    work = program.work
    monkeypatch.setitem(sys.modules, '__main__', program)
    assert function_name(work) == ('__main__', 'work')
    program.__spec__ = types.SimpleNamespace(name='package.__main__')
    assert function_name(work) == ('package.__main__', 'work'), 'run by python -m'
    assert function_name(program.Service.method) == ('package.__main__', 'Service.method')


def test_a_program_that_another_one_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `python -m cProfile program.py` does: `__main__` is the profiler."""
    namespace: dict[str, Any] = {'__name__': '__main__'}
    exec('def work(): pass', namespace)
    profiler: Any = types.ModuleType('__main__')
    profiler.__spec__ = types.SimpleNamespace(name='cProfile')
    profiler.__file__ = '/lib/cProfile.py'
    monkeypatch.setitem(sys.modules, '__main__', profiler)
    with pytest.raises(TypeError, match=r'from within /lib/cProfile.py. Put it into a module'):
        function_name(namespace['work'])


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
