import importlib
import sys
import traceback
import warnings

import pytest

from svcfw.agent.warm.finder import MEMORY_ROOT, MemoryFinder
from svcfw.agent.warm.members import Members

SOURCES = {
    'svcfw_zip/__init__.py': b'',
    'svcfw_zip/deep/__init__.py': b'name = __name__',
    'svcfw_zip/deep/fails.py': '# -*- coding: latin-1 -*-\ndef fail():\n    raise ValueError("h\xe9")  # here\n'.encode(
        'latin-1'
    ),
    'svcfw_zip/broken.py': b'def (:',
    'svcfw_zip/warns.py': b'1 is 1',
    'svcfw_zip/data.txt': b'no module',
}


@pytest.fixture
def members():
    store = Members()
    for name, content in SOURCES.items():
        store.add(name.encode(), content)
    return store


@pytest.fixture
def finder(members):
    found = MemoryFinder(members)
    found.use([(name, name.encode()) for name in SOURCES], 'svcfw_zip.deep')
    sys.meta_path.insert(0, found)
    yield found
    sys.meta_path.remove(found)
    for name in [name for name in sys.modules if name.partition('.')[0] == 'svcfw_zip']:
        del sys.modules[name]


def test_packages_and_modules_come_from_memory(finder):
    deep = importlib.import_module('svcfw_zip.deep')
    assert deep.name == 'svcfw_zip.deep'
    assert deep.__file__ == MEMORY_ROOT + '/svcfw_zip/deep/__init__.py'
    assert deep.__path__ == [MEMORY_ROOT + '/svcfw_zip/deep']
    assert deep.__spec__.loader is finder
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('svcfw_zip.data')


def test_tracebacks_show_the_source(finder):
    fails = importlib.import_module('svcfw_zip.deep.fails')
    with pytest.raises(ValueError, match='h\xe9') as caught:
        fails.fail()
    text = ''.join(traceback.format_exception(caught.value))
    assert 'raise ValueError("h\xe9")  # here' in text
    assert MEMORY_ROOT + '/svcfw_zip/deep/fails.py' in text


def test_main_is_the_module_that_runs(finder):
    assert finder.get_source('__main__') == 'name = __name__'
    finder.use([], None)
    with pytest.raises(ImportError):
        finder.get_source('__main__')


def test_another_root_moves_the_file_names(finder):
    finder.use([('svcfw_zip/__init__.py', b'svcfw_zip/__init__.py')], None, '/real/x.zip')
    assert importlib.import_module('svcfw_zip').__file__ == '/real/x.zip/svcfw_zip/__init__.py'


def test_manifests_are_compared_by_digest(finder):
    assert finder.digests(['svcfw_zip', 'os']) == {'svcfw_zip': b'svcfw_zip/__init__.py'}
    assert finder.carries({'svcfw_zip': b'svcfw_zip/__init__.py'})
    assert not finder.carries({'svcfw_zip': b'another'})
    assert not finder.carries({'svcfw_zip.absent': b'x'})


def test_preparing_leaves_what_does_not_compile_to_the_import(finder):
    finder.prepare()
    with pytest.raises(SyntaxError):
        importlib.import_module('svcfw_zip.broken')


def test_a_compiler_warning_is_given_to_each_run(members):
    with warnings.catch_warnings():
        warnings.simplefilter('always')
        members.prepare(b'svcfw_zip/warns.py', 'warns.py')
        for _ in range(2):
            with pytest.warns(SyntaxWarning):
                members.code(b'svcfw_zip/warns.py', 'warns.py')


def test_compiled_once(members):
    members.prepare(b'svcfw_zip/deep/__init__.py', 'f')
    code = members.code(b'svcfw_zip/deep/__init__.py', 'f')
    assert members.code(b'svcfw_zip/deep/__init__.py', 'f') is code
