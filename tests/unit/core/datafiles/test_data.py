"""Data files of packages that travelled, by the ways that each Python has for them. Real children."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from svcfw.core.wire.errors import CallError
from svcfw.program.router import Router
from tests.support import children
from tests.support.called import start_and_keep_grandchild
from tests.support.interpreters import need_python

VERSIONS = ('3.6', '3.7', '3.8', '3.9', '3.10', '3.11', '3.12', '3.13')

PROGRAM = r'''
"""Functions for children of any Python."""

import os
import pkgutil
import sys

import ctdata.sub
import ctspace.inner


def by_pkgutil():
    return pkgutil.get_data('ctdata', 'hello.txt'), pkgutil.get_data('ctdata.sub', 'deep/er.bin')


def by_path():
    """As packages do that know no better."""
    loader, folder = ctdata.__loader__, os.path.dirname(ctdata.__file__)
    return [
        loader.get_data(os.path.join(folder, 'hello.txt')),
        ctdata.sub.__loader__.get_data(os.path.join(os.path.dirname(ctdata.sub.__file__), '..', 'hello.txt')),
        ctspace.inner.__loader__.get_data(os.path.join(os.path.dirname(ctspace.inner.__file__), 'x.txt')),
    ]


def refusals():
    texts = []
    for path in ('<svcfw>/ctdata/none', '<svcfw>/ctdata/../secret.txt', '<svcfw>/none/x', '/ctdata/hello.txt', ''):
        try:
            texts.append(ctdata.__loader__.get_data(path))
        except OSError as e:
            texts.append(type(e).__name__)
    try:
        texts.append(pkgutil.get_data('svcfw', 'none'))  # which was there before there was a router
    except OSError as e:
        texts.append(type(e).__name__)
    try:
        texts.append(pkgutil.get_data('ctdata', 'large'))
    except OSError as e:
        texts.append(str(e))
    return texts


def by_functions():
    """As it was up to 3.12, and is again from 3.13 on."""
    from importlib import resources

    with resources.path('ctdata', 'hello.txt') as path, resources.open_binary('ctdata', 'hello.txt') as file:
        values = [open(str(path)).read(), file.read().decode()]
    with resources.open_text('ctdata.sub', 'name.txt', encoding='latin-1') as file:
        values.append(file.read())
    values += [resources.read_text(ctdata, 'hello.txt'), resources.read_binary('ctdata', 'hello.txt').decode()]
    values += [resources.is_resource('ctdata', name) for name in ('hello.txt', 'sub', 'none')]
    try:
        resources.read_text('ctdata', 'none')
    except FileNotFoundError:
        values.append('FileNotFoundError')
    return values + sorted(resources.contents('ctdata'))


def by_files():
    from importlib import resources

    root = resources.files('ctdata')
    values = [(root / 'sub' / 'deep' / 'er.bin').read_bytes(), root.joinpath('hello.txt').read_text(encoding='utf-8')]
    is_file = root.joinpath('none').is_file() and sys.version_info[:2] != (3, 9)  # to which all is one but folders
    values += [root.joinpath('sub/deep').is_dir(), is_file, root.joinpath('none').is_dir()]
    values += [root.joinpath('hello.txt').is_file(), root.name, root.joinpath('sub').name]
    values.append(sorted(each.name for each in root.iterdir()))
    with root.joinpath('sub').joinpath('name.txt').open('r', encoding='latin-1') as file:
        values.append(file.read())
    with resources.as_file(root / 'hello.txt') as path:
        values.append((path.suffix, path.read_text()))
    for wrong in (root / 'none', root / 'sub', root / '..' / 'secret.txt'):
        try:
            wrong.read_text()
        except OSError as e:
            values.append(type(e).__name__)
    return values


def folder_as_files():
    from importlib import resources

    with resources.as_file(resources.files('ctdata.sub')) as path:
        return (path / 'deep' / 'er.bin').read_bytes(), resources.files('ctdata.sub.mod').joinpath('name.txt').is_file()
'''
HELLO = 'h\u00e9llo\n'


@pytest.fixture
def router() -> Iterator[Router]:
    with children.router() as made:
        yield made


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], object]]:
    """A module of functions, with the packages whose data it reads: what no child could import by itself."""
    folder = tmp_path / 'ctdata'
    (folder / 'sub' / 'deep').mkdir(parents=True)
    (tmp_path / 'ctspace' / 'inner').mkdir(parents=True)
    (tmp_path / 'ctfunctions.py').write_text(PROGRAM)
    (folder / '__init__.py').write_text('')
    (folder / 'hello.txt').write_text(HELLO, 'utf-8')
    (folder / 'sub' / '__init__.py').write_text('from . import mod\n')
    (folder / 'sub' / 'mod.py').write_text('')
    (folder / 'sub' / 'name.txt').write_text('n\u00e4me', 'latin-1')
    (folder / 'sub' / 'deep' / 'er.bin').write_bytes(b'\0\1\2')
    (tmp_path / 'ctspace' / 'inner' / '__init__.py').write_text('')
    (tmp_path / 'ctspace' / 'inner' / 'x.txt').write_text('space')
    (tmp_path / 'secret.txt').write_text('secret')
    with (folder / 'large').open('wb') as file:
        file.truncate(32 * 1024 * 1024 + 1)
    monkeypatch.syspath_prepend(tmp_path)
    import ctfunctions  # type: ignore[import-not-found]

    yield lambda name: getattr(ctfunctions, name)
    for name in [name for name in sys.modules if name.partition('.')[0] in ('ctdata', 'ctspace', 'ctfunctions')]:
        del sys.modules[name]


@pytest.mark.parametrize('version', VERSIONS)
def test_each_python_finds_them(router: Router, program: Callable[[str], object], version: str) -> None:
    child = children.start(router, version)
    assert child.call(program('by_pkgutil')) == (HELLO.encode(), b'\0\1\2')
    assert child.call(program('by_path')) == [HELLO.encode(), HELLO.encode(), b'space']
    *errors, large = child.call(program('refusals'))
    assert errors == ['FileNotFoundError'] * 6
    assert 'larger than the 33554432 bytes that are sent' in large
    minor = int(version.partition('.')[2])
    if minor >= 7:
        names = ['__init__.py', 'hello.txt', 'large', 'sub']
        kinds = [True, False, False, 'FileNotFoundError']
        assert child.call(program('by_functions')) == [HELLO] * 2 + ['n\u00e4me', HELLO, HELLO, *kinds, *names]
    if minor >= 9:
        assert child.call(program('by_files')) == [
            b'\0\1\2', HELLO, True, False, False, True, 'ctdata', 'sub', names, 'n\u00e4me', ('.txt', HELLO),
            'FileNotFoundError', 'IsADirectoryError', 'FileNotFoundError',
        ]  # fmt: skip
    if minor >= 12:
        assert child.call(program('folder_as_files')) == (b'\0\1\2', True)


def test_a_grandchild_has_them_through_its_parent(router: Router, program: Callable[[str], object]) -> None:
    grandchild_id, _ = children.start(router, '3.6').call(start_and_keep_grandchild, need_python('3.13'))
    grandchild = router.context(grandchild_id)
    assert grandchild.call(program('by_pkgutil')) == (HELLO.encode(), b'\0\1\2')
    assert 'larger than' in grandchild.call(program('refusals'))[-1]


def test_what_is_denied_is_no_data_either(router: Router, program: Callable[[str], object]) -> None:
    child = children.start(router, None)
    child.call(program('by_pkgutil'))
    router.deny_modules('ctdata')
    with pytest.raises(CallError, match='FileNotFoundError'):
        child.call(program('by_pkgutil'))
