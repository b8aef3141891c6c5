import subprocess
import zlib
from pathlib import Path

import pytest

from svcfw.boot import bundle, first_stage
from tests.support.interpreters import need_python
from tests.support.timing import seconds

# What one connection sends before its context is ready; the limit of the design, with the configuration.
MAX_BYTES = 20 * 1024

ENTRY = '''"""The entry of a context, for this test."""
import os
import sys
import traceback

from svcfw.core import other


def main(config):
    """Print what a context would start from."""
    print(sorted(config), config['name'], len(config['bundle']), other.__file__, other.__package__, sys.argv)
    print(os.read(0, 100))
    try:
        other.fail()  # in a module of the bundle
    except ZeroDivisionError:
        traceback.print_exc(file=sys.stdout)
'''
OTHER = '''"""Another module."""


def fail():
    # a comment before it
    return 1 / 0
'''


@pytest.fixture
def small_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A core of two modules in the place of the real one."""
    tmp_path = tmp_path / 'svcfw'
    (tmp_path / 'core').mkdir(parents=True)
    (tmp_path / '__init__.py').write_text('"""A package."""\n')
    (tmp_path / 'core' / '__init__.py').write_text('')
    (tmp_path / 'core' / 'entry.py').write_text(ENTRY)
    (tmp_path / 'core' / 'other.py').write_text(OTHER)
    monkeypatch.setattr(bundle, '_PACKAGE', tmp_path)
    clear_caches()
    yield
    clear_caches()


def clear_caches() -> None:
    bundle.packed.cache_clear()
    bundle.sources.cache_clear()


def test_both_stages_fit_the_limit() -> None:
    assert len(bundle.packed()) + first_stage.CONFIG_BYTES <= first_stage.STAGE_BYTES
    assert first_stage.STAGE_BYTES + len(first_stage.text(first_stage.STAGE_BYTES)) < MAX_BYTES


@pytest.mark.parametrize('name', ['', 'x' * 400])
def test_the_second_stage_is_as_long_as_the_first_expects(name: str) -> None:
    second = first_stage.second_stage(bundle.packed(), first_stage.configuration({'name': name}))
    assert len(second) == first_stage.STAGE_BYTES


def test_it_holds_what_the_entry_imports_and_no_more() -> None:
    parts = zlib.decompress(bundle.packed()).split(b'\0')
    names = {name.decode() for name in parts[1::2]}
    assert names == {path for path, _ in bundle.sources().values()}
    assert {'svcfw/__init__.py', 'svcfw/core/entry.py', 'svcfw/core/wire/codec.py'} < names
    assert 'svcfw/core/receivers/select.py' not in names
    assert all(name == 'svcfw/__init__.py' or name.startswith('svcfw/core/') for name in names)


def test_a_configuration_beyond_its_size_is_refused() -> None:
    with pytest.raises(ValueError, match='limit 512'):
        first_stage.configuration({'name': 'x' * 512})


def test_configuration_of_any_plain_value_arrives() -> None:
    config = {'name': "quo'te\n\u00e9\udcff", 'marker': b'\0\xff\n', 'ids': (1, 2), 'none': None, 'f': 0.5}
    unpacker = zlib.decompressobj()
    unpacker.decompress(first_stage.second_stage(bundle.packed(), first_stage.configuration(config)))
    assert eval(unpacker.unused_data) == config


@pytest.mark.parametrize('version', ['3.6', '3.8', '3.13'])
@pytest.mark.usefixtures('small_package')
def test_a_python_starts_from_it(version: str, tmp_path: Path) -> None:
    second = first_stage.second_stage(bundle.packed(), first_stage.configuration({'name': 'child'}))
    # Whatever lies in the current directory is not imported (see also tests of the first stage).
    (tmp_path / 'zlib.py').write_text('raise SystemExit("imported from the current directory")')
    result = subprocess.run(
        first_stage.argv([need_python(version)], len(second)),
        input=second + b'frames follow',
        capture_output=True,
        cwd=tmp_path,
        timeout=seconds(20),
    )
    lines = result.stdout.decode().splitlines()
    assert result.stderr == b''
    assert lines[0] == f"['bundle', 'name'] child {len(bundle.packed())} <svcfw>/svcfw/core/other.py svcfw.core ['-c']"
    assert lines[1] == "b'frames follow'"
    assert '  File "<svcfw>/svcfw/core/other.py", line 6, in fail' in lines
    assert '    return 1/0' in lines
