"""Sources ready to travel: found without importing them, and changed only where they have to be."""

import sys
import zlib
from pathlib import Path

import pytest

from svcfw.boot import sources


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on sys.path; what is imported from it would be noticed."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'house_package').mkdir()
    (tmp_path / 'house_package' / '__init__.py').write_text('raise AssertionError("imported")\n')
    return tmp_path


def text(source: sources.Source | None) -> str:
    assert source is not None
    return zlib.decompress(source.packed).decode()


def test_a_module_is_found_without_running_its_package(place: Path) -> None:
    (place / 'house_package' / 'one.py').write_text('import json\nfrom . import two\nraise AssertionError\n')
    found = sources.find('house_package.one')
    assert text(found).startswith('import json\n')
    assert found is not None
    assert (found.path, found.is_package, found.is_namespace) == ('house_package/one.py', False, False)
    assert found.imports[0] == 'house_package'
    assert 'house_package.two' in found.imports
    assert 'house_package' not in sys.modules


def test_a_package_tells_what_a_star_gives(place: Path) -> None:
    (place / 'house_package' / '__init__.py').write_text('__all__ = ["one"]\n')
    found = sources.find('house_package')
    assert found is not None
    assert (found.is_package, found.path, found.exported) == (True, 'house_package/__init__.py', ['one'])


def test_a_folder_alone_is_a_namespace(place: Path) -> None:
    (place / 'house_folder').mkdir()
    found = sources.find('house_folder')
    assert found is not None
    assert (found.is_namespace, text(found)) == (True, '')
    assert sources.is_namespace('house_folder')
    assert not sources.is_namespace('house_package')
    assert not sources.is_namespace('house_nothing')


def test_what_travels_is_utf8(place: Path) -> None:
    (place / 'house_latin.py').write_bytes(b'#!/usr/bin/python\n# -*- coding: latin-1 -*-\nname = "\xe9"\n')
    assert text(sources.find('house_latin')) == '#!/usr/bin/python\n#\nname = "\xe9"\n'


@pytest.mark.parametrize(
    'name', ['os', 'json.decoder', 'house_nothing', 'house_package.no', 'a b', '', 'a..b', 'x' * 600, 'house_broken']
)
def test_what_is_none(place: Path, name: str) -> None:
    (place / 'house_broken.py').write_text('def :\n')
    assert sources.find(name) is None


@pytest.mark.parametrize(('name', 'is_one'), [('a.b_1', True), ('os.path', False), ('1a', False), ('a.', False)])
def test_names(name: str, is_one: bool) -> None:
    assert sources.is_name(name) == is_one


GUARDED = 'import svcfw\nX = 1\nif __name__ == "__main__":\n    X = 2\n    print(X)\nY = 3\n'


class TestTheProgram:
    def sent(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> str:
        (tmp_path / 'program.py').write_text(program)
        monkeypatch.setattr(sys.modules['__main__'], '__file__', str(tmp_path / 'program.py'), raising=False)
        return text(sources.program())

    def test_what_it_does_is_left_out(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.sent(tmp_path, monkeypatch, GUARDED) == 'import svcfw\nX = 1\n\n\n\nY = 3\n'

    @pytest.mark.parametrize(
        'head',
        ['import svcfw\n@svcfw.main()', 'import svcfw as s\n@s.main(log_level=1)', 'from svcfw import main as m\n@m()'],
    )
    def test_a_main_function_is_enough(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: str) -> None:
        program = f'{head}\ndef run(router): pass\n'
        assert self.sent(tmp_path, monkeypatch, program) == program

    @pytest.mark.parametrize('program', ['print(1)\n', 'import other as svcfw\n@svcfw.main()\ndef run(router): pass\n'])
    def test_one_that_would_run_there_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
    ) -> None:
        with pytest.raises(ValueError, match='would run there when it is imported'):
            self.sent(tmp_path, monkeypatch, program)

    def test_one_without_a_file_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(sys.modules['__main__'], '__file__', raising=False)
        with pytest.raises(ValueError, match='not started from a file'):
            sources.program()
        assert sources.find('__main__') is None
