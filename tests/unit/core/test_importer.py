"""Modules that a child lacks, from us: in one answer, in memory, by the rules."""

import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.boot.rights import MAX_REFUSED
from svcfw.core import handles
from svcfw.core.context import Context
from svcfw.core.importer import Importer
from svcfw.core.wire.errors import CallError, ChannelError
from svcfw.program.router import Router
from tests.support import called, children
from tests.support.children import LONG


@pytest.fixture
def asked(router: Router) -> list[str]:
    """The names that children ask us for."""
    names: list[str] = []
    answer, *rest = router._handlers[handles.GET_MODULE]

    def record(message: Any) -> None:
        names.append(message.value())
        answer(message)

    router._handlers[handles.GET_MODULE] = (record, *rest)
    return names


Write = Callable[..., None]
ZIPPED = zlib.compress(b'VALUE = 1\n')


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes modules {path: source} that this process can import, and no child of its own can."""
    monkeypatch.setattr(sys, 'path', [str(tmp_path), *sys.path])
    before = set(sys.modules)

    def write(files: dict[str, str]) -> None:
        for name, source in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(source))

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


PACKAGE = {
    'ctpkg/__init__.py': 'from . import near\n',
    'ctpkg/near.py': 'from .deep.er import VALUE\nimport ctother\n',
    'ctpkg/deep/__init__.py': '',
    'ctpkg/deep/er.py': 'from ..const import VALUE\n',
    'ctpkg/const.py': 'VALUE = 42\n',
    'ctpkg/main.py': """
        from ctpkg import near
        from . import const as c
        from .deep import er

        def value():
            return near.VALUE + c.VALUE + er.VALUE, __name__, __package__, __file__

        def late():
            from . import lazy
            return lazy.VALUE
    """,
    'ctpkg/lazy.py': 'VALUE = 7\n',
    'ctother.py': '"""Nothing."""\n',
}


def test_a_package_with_relative_imports_travels_in_one_answer(child: Context, asked: list[str], write: Write) -> None:
    write(PACKAGE)
    import ctpkg.main  # type: ignore[import-not-found]

    value, name, package, file = child.call(ctpkg.main.value)
    assert value == 126
    assert (name, package) == ('ctpkg.main', 'ctpkg')
    assert file == '<svcfw>/ctpkg/main.py', 'no file of that name is there'
    assert asked == ['ctpkg'], 'whoever imports ctpkg.main imports ctpkg first, and the rest comes along'
    assert child.call(ctpkg.main.late) == 7


def test_children_of_one_link_are_sent_nothing_twice(child: Context, asked: list[str], write: Write) -> None:
    write(PACKAGE)
    import ctpkg.main

    child.call(ctpkg.main.value)
    del asked[:]
    child.call(ctpkg.main.value)
    child.call(ctpkg.main.late)
    assert not asked


def test_pushed_modules_are_not_asked_for(router: Router, child: Context, asked: list[str], write: Write) -> None:
    write(PACKAGE)
    import ctpkg.main

    router.responder.allow(child, 'ctpkg.main')
    router.responder.push(child, ['ctpkg.main'])
    child.call(ctpkg.main.value)
    assert not asked


def test_what_was_never_allowed_is_refused_and_may_be_allowed_later(child: Context, write: Write) -> None:
    write({'ctsecret.py': 'def value():\n    return "secret"\n'})
    import ctsecret  # type: ignore[import-not-found]

    for _ in range(2):
        with pytest.raises(CallError, match='No module named'):
            child.call(called.import_module, 'ctsecret')
    assert child.call(ctsecret.value) == 'secret'


def test_what_one_below_may_not_have_is_no_reason_to_do_without(router: Router, child: Context, write: Write) -> None:
    write({'ctshared.py': 'def value():\n    return "shared"\n'})
    import ctshared  # type: ignore[import-not-found]

    below = router.local(via=child, timeout_s=LONG)
    below.call(called.import_junk, MAX_REFUSED)
    with pytest.raises(CallError, match='No module named'):
        below.call(called.import_module, 'ctshared')
    assert child.call(ctshared.value) == 'shared'
    assert below.call(ctshared.value) == 'shared'


CALLS_BELOW = """
    import ctdeep
    from svcfw.core.dispatch import takes_router

    @takes_router
    def value(router):
        return router.local().call(ctdeep.value)
"""


def test_a_context_may_call_in_those_below_it_what_it_may_have_itself(child: Context, write: Write) -> None:
    write({'ctmiddle.py': CALLS_BELOW, 'ctdeep.py': 'import ctdeeper\ndef value():\n    return ctdeeper.VALUE\n'})
    write({'ctdeeper.py': 'VALUE = "deep"\n'})
    import ctmiddle  # type: ignore[import-not-found]

    assert child.call(ctmiddle.value) == 'deep'


def test_what_was_loaded_for_one_is_not_for_others_below(router: Router, child: Context, write: Write) -> None:
    write({'ctown.py': 'def value():\n    return "own"\n'})
    import ctown  # type: ignore[import-not-found]

    one, other = router.local(via=child, timeout_s=LONG), router.local(via=child, timeout_s=LONG)
    assert child.call(ctown.value) == one.call(ctown.value) == 'own'
    with pytest.raises(CallError, match='No module named'):
        other.call(called.import_module, 'ctown')


def test_a_module_that_is_nowhere_is_asked_for_once(child: Context, asked: list[str]) -> None:
    child.call(called.pid)
    del asked[:]
    for _ in range(3):
        with pytest.raises(CallError, match='ModuleNotFoundError'):
            child.call(called.import_module, 'ctnowhere')
    assert asked == ['ctnowhere']


def test_a_part_that_the_targets_own_package_lacks_is_not_asked_for(child: Context, asked: list[str]) -> None:
    child.call(called.pid)
    del asked[:]
    with pytest.raises(CallError, match='ModuleNotFoundError'):
        child.call(called.import_module, 'json.nothing')
    assert not asked


def test_what_the_standard_library_merely_tries_is_not_asked_for(child: Context, asked: list[str]) -> None:
    child.call(called.pid)
    del asked[:]
    for name in ('subprocess', 'tempfile', 'copy', 'hashlib', 'shutil', 'json', 'socket', 'ctypes'):
        child.call(called.import_module, name)
    assert not asked


def test_what_the_target_has_is_its_own(child: Context) -> None:
    assert not child.call(called.file_of, 'json').startswith('<svcfw>')
    assert child.call(called.file_of, 'svcfw').startswith('<svcfw>')
    assert child.call(called.file_of, 'svcfw.core.receivers.select').startswith('<svcfw>'), (
        'also what is not in the bundle'
    )


def test_a_module_that_fails_says_so(child: Context, write: Write) -> None:
    write({'ctbroken.py': 'def f():\n    pass\n', 'ctuser.py': 'def f():\n    import ctbroken\n'})
    import ctuser  # type: ignore[import-not-found]

    broken = 'def f(:\n'
    write({'ctbroken.py': broken})
    with pytest.raises(CallError, match='No module named'):
        child.call(ctuser.f)  # what does not parse here cannot be sent


def test_a_traceback_names_the_lines_of_the_file_here(child: Context, write: Write) -> None:
    write({'ctlines.py': '"""Doc.\n\nMore.\n"""\n\n# comment\n\ndef f():\n    """Doc."""\n    raise KeyError(1)\n'})
    import ctlines  # type: ignore[import-not-found]

    with pytest.raises(CallError) as raised:
        child.call(ctlines.f)
    assert '<svcfw>/ctlines.py", line 10, in f' in raised.value.traceback


PROGRAM = """
import svcfw
import helper
CONSTANT = 40

class Thing(object):
    @classmethod
    def name(cls):
        return cls.__name__

def work(x):
    return x + CONSTANT + helper.two()

def fail():
    raise OSError('on the target')

@svcfw.main()
def main(router):
    child = router.local(python={python!r})
    print(child.call(work, 0), child.call(Thing.name), child.call(helper.two))
    try:
        child.call(fail)
    except svcfw.CallError as e:
        print(e.typename, 'program.py' in e.traceback)

if __name__ == '__main__':
    print('guarded')
"""


class TestPrograms:
    """Code in the caller's own __main__."""

    def run(self, folder: Path, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=folder, env={'PYTHONPATH': str(Path(called.__file__).parents[2])},
            capture_output=True, text=True, timeout=LONG,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        return done.stdout

    @pytest.mark.parametrize('version', children.PYTHONS)
    def test_a_script(self, tmp_path: Path, version: str | None) -> None:
        python = children.need_python(version) if version else None
        (tmp_path / 'helper.py').write_text('def two():\n    return 2\n')
        (tmp_path / 'program.py').write_text(PROGRAM.format(python=python))
        assert self.run(tmp_path, 'program.py') == '42 Thing 2\nOSError True\nguarded\n'

    def test_a_package_that_is_run(self, tmp_path: Path) -> None:
        package = tmp_path / 'ctapp'
        package.mkdir()
        (package / '__init__.py').write_text('')
        (package / 'helper.py').write_text('def two():\n    return 2\n')
        text = PROGRAM.format(python=None).replace('import helper', 'from . import helper')
        (package / '__main__.py').write_text(text.replace('program.py', '__main__.py'))
        assert self.run(tmp_path, '-m', 'ctapp') == '42 Thing 2\nOSError True\nguarded\n'

    def test_a_script_that_cannot_be_imported_elsewhere(self, tmp_path: Path) -> None:
        (tmp_path / 'program.py').write_text(
            'import os\nfrom svcfw.program.router import Router\n'
            'def work():\n    return 1\n'
            'with Router() as router:\n    child = router.local()\n'
            '    for _ in range(2):\n'
            '        try:\n            child.call(work)\n'
            '        except TypeError as e:\n            print("would run there" in str(e))\n'
            '    print(child.call(os.path.basename, "a/b"))\n'
        )
        assert self.run(tmp_path, 'program.py') == 'True\nTrue\nb\n'

    def test_services_of_a_module_that_is_run(self, tmp_path: Path) -> None:
        """One name for functions and classes, the one by which others can import them; relative imports work."""
        package = tmp_path / 'ctprog'
        package.mkdir()
        (package / '__init__.py').write_text('')
        (package / 'helper.py').write_text('def two():\n    return 2\n')
        (package / 'prog.py').write_text(
            'import svcfw\nimport svcfw.service\nfrom .helper import two\n'
            'class Twice(svcfw.service.Service):\n'
            '    @svcfw.service.expose(policy=svcfw.service.AllowParents())\n'
            '    def run(self):\n        return two()\n'
            'def name():\n    return Twice.name()\n'
            '@svcfw.main()\ndef main(router):\n'
            '    child = router.local()\n'
            '    print(Twice.name(), child.call(name), child.call_service(Twice, "run"))\n'
        )
        assert self.run(tmp_path, '-m', 'ctprog.prog') == 'ctprog.prog.Twice ctprog.prog.Twice 2\n'

    def test_modules_that_are_imported_by_a_computed_name(self, tmp_path: Path) -> None:
        (tmp_path / 'plug_a.py').write_text('import plug_base\nNAME = plug_base.NAME\n')
        (tmp_path / 'plug_base.py').write_text('NAME = "a"\n')
        (tmp_path / 'program.py').write_text(
            'import importlib\nimport svcfw\n'
            'def load(name):\n    return importlib.import_module(name).NAME\n'
            '@svcfw.main()\ndef main(router):\n'
            '    child = router.local()\n'
            '    try:\n        child.call(load, "plug_a")\n'
            '    except svcfw.CallError as e:\n        print(e.typename)\n'
            '    router.allow_modules("plug_a")\n'
            '    print(child.call(load, "plug_a"), router.local().call(load, "plug_a"))\n'
            '    router.deny_modules("plug_a", "plug_base")\n'
            '    try:\n        router.local().call(load, "plug_a")\n'
            '    except svcfw.CallError as e:\n        print(e.typename)\n'
        )
        assert self.run(tmp_path, 'program.py') == 'ModuleNotFoundError\na a\nModuleNotFoundError\n'

    @pytest.mark.parametrize('how', ['-c', 'standard input', 'a pipe'])
    def test_what_was_not_started_from_a_file(self, tmp_path: Path, how: str) -> None:
        program = (
            'import svcfw\ndef f(): return 1\n'
            'with svcfw.Router() as router:\n'
            '    try: router.local().call(f)\n'
            '    except TypeError as e: print(e)\n'
        )
        arguments = ['-c', program]
        if how == 'standard input':
            (tmp_path / 'program.py').write_text(program)
            arguments = [
                '-c',
                'import os, sys; os.dup2(os.open("program.py", 0), 0); os.execv(sys.executable, [sys.executable, "-"])',
            ]
        elif how == 'a pipe':
            (tmp_path / 'program.py').write_text(program)
            arguments = ['-c', (
                'import os, subprocess, sys\n'
                'cat = subprocess.Popen(["cat", "program.py"], stdout=subprocess.PIPE)\n'
                'os.dup2(cat.stdout.fileno(), 9)\n'
                'os.execv(sys.executable, [sys.executable, "/dev/fd/9"])\n'
            )]  # fmt: skip
        assert 'not started from a file' in self.run(tmp_path, *arguments)


class TestWhileTheContextEnds:
    def test_an_import_says_why_it_fails_and_may_be_tried_again(self) -> None:
        class Loader:
            sources: dict[str, Any] = {}

            def find_spec(self, fullname: str) -> Any:
                return self.sources.get(fullname)

        answers: list[Any] = [ChannelError('child was told to shut down'), [('ctlate', False, 'ctlate.py', ZIPPED)]]

        def request(handle: int, name: str) -> Any:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        parent = SimpleNamespace(request=request)
        router: Any = SimpleNamespace(parent=lambda: parent, add_handler=lambda *args, **options: None)
        importer = Importer(router, Loader())
        with pytest.raises(ImportError, match='ctlate was not fetched: child was told to shut down'):
            importer.find_spec('ctlate')
        assert importer.find_spec('ctlate') == ('<svcfw>/ctlate.py', b'VALUE = 1\n', False)
