"""The names by which functions are called elsewhere."""

import functools
import os.path
import sys
import types
from typing import Any

import pytest

from svcfw.core.calls.caller import function_name
from tests.support import called


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
