"""What jobs that become contexts need, imported ahead and out of sight."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import svcfw.core
from svcfw.agent.warm.ahead.prepared import Prepared
from svcfw.boot import bundle, first_stage

SOURCES = [
    ('svcfw.tests_of_it', '<svcfw>/svcfw/tests_of_it.py', b'import svcfw.core.router\nvalue = 5\n', False),
    ('svcfw.broken_one', '<svcfw>/svcfw/broken_one.py', b'import what_is_not_here\n', False),
]


@pytest.fixture
def stage() -> bytes:
    return bundle.packed() + first_stage.configuration({})


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    modules, finders = dict(sys.modules), list(sys.meta_path)
    yield
    sys.meta_path[:] = finders
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.modules.update(modules)


def ours() -> dict[str, object]:
    return {name: module for name, module in sys.modules.items() if name.partition('.')[0] == 'svcfw'}


def test_nothing_of_it_is_seen_before_it_is_asked_for(stage: bytes) -> None:
    modules, finders = ours(), list(sys.meta_path)
    made = Prepared()
    assert not made
    made.add(stage, SOURCES)
    assert made
    assert ours() == modules
    assert sys.meta_path == finders


def test_it_is_another_copy(stage: bytes) -> None:
    import svcfw.core.router

    own = svcfw.core.router
    made = Prepared()
    made.add(stage, SOURCES)
    loader = made.install()
    assert sys.meta_path[0] is loader
    assert sys.modules['svcfw.tests_of_it'].value == 5  # type: ignore[attr-defined]
    assert sys.modules['svcfw.core.router'] is not own
    assert 'svcfw.broken_one' not in sys.modules


def test_more_comes_later(stage: bytes) -> None:
    made = Prepared()
    made.add(stage, SOURCES[:1])
    more = ('svcfw.more', '<svcfw>/svcfw/more.py', b'from svcfw.tests_of_it import value\n', False)
    made.add(b'', [more])
    made.install()
    assert sys.modules['svcfw.more'].value == 5  # type: ignore[attr-defined]


def test_what_is_no_stage_is_an_error_and_changes_nothing() -> None:
    modules, finders = ours(), list(sys.meta_path)
    with pytest.raises(Exception, match=r'incomplete|incorrect|invalid'):
        Prepared().add(b'nonsense', [])
    assert ours() == modules
    assert sys.meta_path == finders


def test_a_rehearsal_leaves_nothing(stage: bytes) -> None:
    made = Prepared()
    called = list(Path(svcfw.core.__path__[0], 'calls').glob('*.py'))
    made.add(
        stage, [(_name(path), f'<svcfw>/{path.name}', path.read_bytes(), path.stem == '__init__') for path in called]
    )
    assert 'svcfw.core.calls.caller' in made._modules
    before = ours(), list(sys.meta_path), os.listdir('/proc/self/fd')
    names = set(made._modules)
    made.rehearse()
    assert (ours(), sys.meta_path, os.listdir('/proc/self/fd')) == before
    assert names <= set(made._modules)  # what it has loaded beside is there for the context that comes


def _name(path: Path) -> str:
    return f'svcfw.core.calls.{path.stem}'.removesuffix('.__init__')


def test_a_rehearsal_that_fails_says_nothing(stage: bytes) -> None:
    made = Prepared()
    made.rehearse()
    made.add(stage, [])
    modules, finders = ours(), list(sys.meta_path)
    del made._modules['svcfw.core.router']
    made._loader.sources['svcfw.core.router'] = ('x.py', b'raise OSError("what")', False)
    made.rehearse()
    assert (ours(), sys.meta_path) == (modules, finders)
