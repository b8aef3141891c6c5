"""Which modules a context gets, what travels along, and that nothing is run here to find out."""

import hashlib
import logging
import sys
import textwrap
import types
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from svcfw.boot import bundle, public, sources
from svcfw.boot import responder as module
from svcfw.boot.responder import Responder
from svcfw.boot.rights import MAX_REFUSED
from svcfw.core import handles
from svcfw.core.wire.errors import CallError, DecodeError


class FakeContext:
    """Keeps what was sent to it."""

    def __init__(self, context_id: int) -> None:
        self.id = context_id
        self.sent: list[Any] = []

    def send(self, handle: int, value: Any) -> None:
        assert handle == handles.LOAD_MODULE
        self.sent.append(value)


class FakeRouter:
    """Ids 10 to 19 are behind link 1, 20 to 29 behind link 2; 10 and 20 are the children there."""

    def __init__(self) -> None:
        self.child_ids = {10, 20}
        self.contexts: dict[int, FakeContext] = {}
        self.handlers: dict[int, Any] = {}
        self.logged: list[tuple[int, str]] = []

    def log(self, router: Any, level: int, text: str) -> None:
        self.logged.append((level, text))

    def context(self, context_id: int) -> FakeContext:
        return self.contexts.setdefault(context_id, FakeContext(context_id))

    def add_handler(self, function: Any, handle: int) -> None:
        self.handlers[handle] = function

    def link_for(self, context_id: int) -> int | None:
        return context_id // 10 if 10 <= context_id < 30 else None


class FakeMessage:
    is_dead = False

    def __init__(self, src_id: int, value: Any) -> None:
        self.src_id = src_id
        self._value = value
        self.answer: Any = None

    def value(self) -> Any:
        return self._value

    small_value = value

    def reply(self, value: Any) -> None:
        self.answer = value

    fail = reply


class Scene:
    def __init__(self) -> None:
        self.router = FakeRouter()
        self.responder = Responder(self.router)
        self.context = FakeContext(10)

    def allow(self, name: str, context: Any = None) -> None:
        self.responder.allow(context or self.context, name)

    def ask(self, name: Any, src_id: int = 10) -> dict[str, Any]:
        """{name: source, or None}; '' for a module that is empty, or that the one which passes it on has."""
        message = FakeMessage(src_id, name)
        self.router.handlers[handles.GET_MODULE](message)
        return unpacked(message.answer)

    def ask_for_data(self, value: Any, src_id: int = 10) -> Any:
        """What is answered; raises the CallError of a refusal."""
        message = FakeMessage(src_id, value)
        self.router.handlers[handles.GET_DATA](message)
        if isinstance(message.answer, Exception):
            raise message.answer
        return message.answer


def test_digests_are_those_of_what_is_sent() -> None:
    scene = Scene()
    digests = scene.responder.digests('svcfw.agent.agent')
    assert {'svcfw.agent.agent', 'svcfw.agent.ops'} <= set(digests)
    assert not set(digests) & set(bundle.sources())
    sent = scene.ask('svcfw.agent.agent')
    assert digests == {name: hashlib.sha256(text.encode()).digest()[:16] for name, text in sent.items()}


def unpacked(modules: Any) -> dict[str, Any]:
    return {name: packed and zlib.decompress(packed).decode() for name, _, _, packed in modules}


@pytest.fixture
def scene() -> Scene:
    return Scene()


Write = Callable[[dict[str, str]], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(files: dict[str, str]) -> Path:
        for name, source in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(source))
        return tmp_path

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


BOMB = 'raise SystemExit("imported")\n'


def test_imports_travel_along_breadth_first_and_once(scene: Scene, write: Write) -> None:
    write({
        'rspkg/__init__.py': '',
        'rspkg/a.py': 'from . import b, c\nimport os, json\nfrom .sub import deep, NAME\nimport rsother.part as p',
        'rspkg/b.py': 'def f():\n    from rspkg import a\n',
        'rspkg/c.py': 'try:\n    import rsmissing\nexcept ImportError: pass\n',
        'rspkg/sub/__init__.py': 'NAME = 1\n',
        'rspkg/sub/deep.py': 'from ... import nothing\n',
        'rspkg/unused.py': '',
        'rsother/__init__.py': '',
        'rsother/part.py': '',
    })  # fmt: skip
    scene.allow('rspkg.a')
    got = scene.ask('rspkg.a')
    assert next(iter(got)) == 'rspkg.a'
    assert set(got) == {
        'rspkg', 'rspkg.a', 'rspkg.b', 'rspkg.c', 'rspkg.sub', 'rspkg.sub.deep', 'rsother', 'rsother.part'
    }  # fmt: skip
    assert set(scene.ask('rspkg.b')) == {'rspkg.b'}, 'the rest is there already'
    assert len(scene.ask('rspkg.a')) == 1, 'what is asked for again is sent again, alone'


def test_the_called_module_comes_with_its_package(scene: Scene, write: Write) -> None:
    write({'rspkg/__init__.py': '', 'rspkg/x/__init__.py': '', 'rspkg/x/y.py': 'import rspkg.z', 'rspkg/z.py': ''})
    scene.allow('rspkg.x.y')
    assert set(scene.ask('rspkg')) == {'rspkg', 'rspkg.x', 'rspkg.x.y', 'rspkg.z'}


def test_nothing_is_allowed_that_nobody_called(scene: Scene, write: Write) -> None:
    write({'rsopen.py': '', 'rssecret.py': 'PASSWORD = 1\n'})
    scene.allow('rsopen')
    assert scene.ask('rssecret') == {'rssecret': None}
    for context_id in (11, 20, 99):
        assert scene.ask('rsopen', context_id) == {'rsopen': None}, 'another context'
    assert scene.ask('rsopen') == {'rsopen': ''}
    assert scene.ask('svcfw.service.pool', 20)['svcfw.service.pool'], 'what is ours may go anywhere'


def test_what_was_refused_is_sent_when_it_is_allowed(scene: Scene, write: Write) -> None:
    write({'rslate/__init__.py': '', 'rslate/m.py': ''})
    scene.ask('rslate')
    scene.allow('rslate.m')
    assert [set(unpacked(each)) for each in scene.context.sent] == [{'rslate', 'rslate.m'}]
    scene.allow('rslate.m')
    assert len(scene.context.sent) == 1


def test_what_may_have_been_refused_is_sent_when_it_is_allowed(scene: Scene, write: Write) -> None:
    """One behind the link has asked for so many names that no more are remembered."""
    write({'rslate.py': '', 'rsall.py': ''})
    for i in range(MAX_REFUSED):
        scene.ask(f'rs{i}')
    scene.ask('rslate')
    scene.ask('rsall')
    scene.allow('rslate')
    assert [set(unpacked(each)) for each in scene.context.sent] == [{'rslate'}]
    scene.responder.allow_everyone(['rsall'])
    assert 'rsall' in unpacked(scene.router.contexts[10].sent[-1])


def test_a_context_that_is_gone_is_forgotten(scene: Scene, write: Write) -> None:
    write({'rsopen.py': ''})
    scene.allow('rsopen')
    scene.allow('rsopen', FakeContext(99))
    scene.responder.forget(10)
    scene.responder.forget(10)
    assert scene.ask('rsopen') == {'rsopen': None}
    assert 99 not in scene.responder._rights, 'it is behind no link'


def test_what_every_context_has_is_not_sent_along(scene: Scene, write: Write) -> None:
    write(
        {
            'rsuser.py': 'import svcfw\n'
            'from svcfw.core.dispatch import takes_router\n'
            'from svcfw.core.receivers import select\n'
        }
    )
    scene.allow('rsuser')
    assert set(scene.ask('rsuser')) == {'rsuser', 'svcfw.core.receivers', 'svcfw.core.receivers.select'}


def test_looking_imports_nothing(scene: Scene, write: Write) -> None:
    write({'rsbomb/__init__.py': BOMB, 'rsbomb/sub/__init__.py': BOMB, 'rsbomb/sub/m.py': BOMB, 'rsone.py': BOMB})
    scene.allow('rsbomb')
    scene.allow('rsone')
    for name in ('rsbomb.sub.m', 'rsbomb.nothing.m', 'rsone', 'rsone.x'):
        scene.ask(name)
    assert not {'rsbomb', 'rsone'} & set(sys.modules)


@pytest.mark.parametrize(
    'name',
    ['', '.', '..', 'rs/../x', 'rsopen.', '.rsopen', 'rsopen..x', '/etc/passwd', 'rsopen\0', 'rsopen.' + 'x' * 10**6,
     '.'.join(['rsopen'] * 10**5), 'os', 'builtins', 'zlib', 'rsopen.nothing'],
)  # fmt: skip
def test_names_of_nothing(scene: Scene, write: Write, name: str) -> None:
    write({'rsopen.py': ''})
    scene.allow('rsopen')
    scene.allow(name)
    assert scene.ask(name) == {name: None}
    assert name not in scene.responder._sources, 'not remembered'


def test_refused_names_do_not_pile_up(scene: Scene) -> None:
    for i in range(MAX_REFUSED + 10):
        scene.ask(f'rs{i}')
        scene.ask('rsmany', 11 + i % 9)
    scene.ask('x' * 10**6)
    assert len(scene.responder._rights[10].refused) == MAX_REFUSED
    assert set(scene.responder._rights) == {10}, 'nor contexts that a child invents'


def test_one_that_is_not_known_gets_at_once_what_the_one_between_lacks(scene: Scene) -> None:
    """As a module on a host: else each import of it would be a round trip."""
    first = scene.ask(('svcfw.files.client', 15))
    assert {'svcfw.files.client', 'svcfw.files.get', 'svcfw.files.messages.tree_parts'} <= set(first)
    assert all(first.values()), 'with their contents'
    again = scene.ask(('svcfw.files.client', 16))
    assert again == {'svcfw.files.client': b''}, 'the one between has it, and all of the rest'
    assert set(scene.responder._rights) == {10}


@pytest.mark.parametrize('name', [None, 5, b'os', ['os']])
def test_a_name_is_text(scene: Scene, name: Any) -> None:
    with pytest.raises(DecodeError):
        scene.ask(name)


def test_an_answer_has_a_largest_size(scene: Scene, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'MAX_PRELOADED', 3)
    write({'rsmany.py': 'import rs0, rs1, rs2, rs3\n', **{f'rs{i}.py': '' for i in range(4)}})
    scene.allow('rsmany')
    assert set(scene.ask('rsmany')) == {'rsmany', 'rs0', 'rs1'}
    assert scene.ask('rs3') == {'rs3': ''}, 'and is allowed to be asked for'


def test_kinds_of_modules(scene: Scene, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write({'rsspace/m.py': 'X = 1\n', 'rsbroken.py': 'def f(:\n', 'rsbinary.so': ''})
    (folder / 'rslatin.py').write_bytes('# -*- coding: latin-1 -*-\nX = "ü"\n'.encode('latin-1'))
    for name in ('rsspace.m', 'rsbroken', 'rsbinary', 'rslatin', 'rsodd', '_rsbare'):
        scene.allow(name)
    assert scene.ask('rsspace.m') == {'rsspace.m': 'X = 1\n', 'rsspace': ''}, 'a namespace package is a package'
    assert scene.ask('rsbroken') == {'rsbroken': None}
    assert scene.ask('rsbinary') == {'rsbinary': None}
    assert scene.ask('rslatin') == {'rslatin': '#\nX = "ü"\n'}
    monkeypatch.setitem(sys.modules, 'rsodd', types.ModuleType('rsodd'))
    assert scene.ask('rsodd') == {'rsodd': None}
    monkeypatch.setitem(sys.modules, '_rsbare', None)  # type: ignore[arg-type]
    assert scene.ask('_rsbare') == {'_rsbare': None}


class TestData:
    """Files in packages, by the rules for their modules."""

    def test_of_a_package_that_it_may_have(self, scene: Scene, write: Write) -> None:
        write({'rspkg/__init__.py': BOMB, 'rspkg/a/__init__.py': BOMB, 'rspkg/a/data.txt': 'text', 'rsother/d': ''})
        assert scene.ask_for_data(('rspkg.a', ['data.txt'], True)) is None
        assert "refused module 'rspkg.a'" in scene.router.logged[0][1]
        scene.allow('rspkg')
        assert scene.ask_for_data(('rspkg.a', ['data.txt'], True)) is None, 'another package, in it'
        assert scene.ask_for_data(('rspkg', ['a', 'data.txt'], True)) is None
        scene.allow('rspkg.a')
        assert scene.ask_for_data(('rspkg.a', ['data.txt'], True)) == b'text'
        assert scene.ask_for_data(('rspkg.a', ['data.txt'], False)) is True
        assert scene.ask_for_data(('rspkg.a', [], False)) == [('__init__.py', False), ('data.txt', False)]
        assert scene.ask_for_data(('rspkg', ['a', 'data.txt'], True)) == b'text'
        assert scene.ask_for_data(('rspkg', ['a', 'none'], True)) is None
        assert scene.ask_for_data(('rspkg.a', ['data.txt'], True), src_id=20) is None, 'of another link'
        assert scene.ask_for_data(('rsother', ['d'], True)) is None
        assert not {'rspkg', 'rspkg.a'} & set(sys.modules), 'looking imports nothing'

    def test_a_folder_that_is_imported_just_in_case_is_no_package(self, scene: Scene, write: Write) -> None:
        """`try: import docker`, and beside the program lies a folder of that name."""
        write({'rsuser.py': 'try:\n    import rsplain\nexcept ImportError:\n    pass\n'})
        write({'rsplain/.env': 'secret', 'rsplain/setup.py': '', 'rsplain/sub/m.py': ''})
        scene.allow('rsuser')
        scene.ask('rsuser')
        for asked in ('rsplain', 'rsplain.setup', 'rsplain.sub', 'rsplain.sub.m'):
            assert scene.ask(asked) == {asked: None}
        assert scene.ask_for_data(('rsplain', ['.env'], True)) is None
        assert scene.ask_for_data(('rsplain', [], False)) is None
        assert scene.ask_for_data(('rsplain.sub', [], False)) is None
        scene.responder.allow_everyone(['rsplain'])
        assert scene.ask_for_data(('rsplain', ['.env'], True)) == b'secret'

    @pytest.mark.parametrize('is_called', [True, False])
    def test_of_a_namespace_package_with_a_module_in_use(self, scene: Scene, write: Write, is_called: bool) -> None:
        write({'rsuser.py': 'import rsspace.sub.m\n'})
        write({'rsspace/sub/m.py': '', 'rsspace/sub/d': 'data', 'rsspace/other/d': '', 'rsspace/real/__init__.py': ''})
        write({'rsspace/real/data/d': 'data'})
        scene.allow('rsspace.sub.m' if is_called else 'rsuser')
        scene.ask('rsuser')
        assert scene.ask_for_data(('rsspace.sub', ['d'], True)) == b'data'
        assert scene.ask_for_data(('rsspace.other', ['d'], True)) is None
        assert scene.ask_for_data(('rsspace.real.data', ['d'], True)) is None, 'in a package that nothing imports'

    @pytest.mark.parametrize(
        'name', ['', '.', 'rspkg.', 'rspkg/..', '/etc', 'json', '__main__', 'rspkg.' + 'x' * 10**6]
    )
    def test_names_of_no_package(self, scene: Scene, write: Write, name: str) -> None:
        write({'rspkg/__init__.py': '', 'passwd': ''})
        scene.responder.allow_everyone(['rspkg', name])
        assert scene.ask_for_data((name, ['passwd'], True)) is None

    def test_a_file_that_is_too_large_is_an_error(
        self, scene: Scene, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module.data_files, 'MAX_FILE_BYTES', 10)
        write({'rspkg/__init__.py': '', 'rspkg/big': 'x' * 11})
        scene.allow('rspkg')
        with pytest.raises(CallError, match=r'^OSError: larger than the 10 bytes .* send it by FileService'):
            scene.ask_for_data(('rspkg', ['big'], True))

    @pytest.mark.parametrize('value', [None, 'rspkg', ('rspkg', 'x', True), ('rspkg', [b'x'], True), (1, [], True)])
    def test_what_is_no_question(self, scene: Scene, value: Any) -> None:
        with pytest.raises(DecodeError):
            scene.ask_for_data(value)


def test_only_what_a_called_module_imports(scene: Scene, write: Write) -> None:
    """Not its whole package, and not the package of what it imports."""
    write({
        'rsapp/__init__.py': '', 'rsapp/tasks.py': 'from rsapp import names\nimport rslib.one\n',
        'rsapp/names.py': '', 'rsapp/settings.py': 'PASSWORD = 1\n', 'rsapp/data/text': 'text',
        'rslib/__init__.py': '', 'rslib/one.py': '', 'rslib/two.py': '',
    })  # fmt: skip
    scene.allow('rsapp.tasks')
    assert set(scene.ask('rsapp')) == {'rsapp', 'rsapp.tasks', 'rsapp.names', 'rslib', 'rslib.one'}
    for name in ('rsapp.settings', 'rslib.two'):
        assert scene.ask(name) == {name: None}
    assert "router.allow_modules('rsapp.settings')" in scene.router.logged[0][1]
    for parts in (['settings.py'], ['__init__.py', 'settings.py']):
        assert scene.ask_for_data(('rsapp', parts, True)) is None
    assert scene.ask_for_data(('rsapp.data', ['text'], True)) == b'text', 'as a folder of rsapp'
    assert scene.ask('rsapp.data') == {'rsapp.data': ''}
    scene.responder.allow_everyone(['rsapp.settings'])
    assert unpacked(scene.router.context(10).sent[-1]).keys() == {'rsapp.settings'}


def test_of_ours_only_what_runs_on_targets(scene: Scene) -> None:
    for name in ('svcfw.agent.agent', 'svcfw.core.parent.relay', 'svcfw.transport.start', 'svcfw.files.service'):
        assert scene.ask(name)[name], name
    for name in ('svcfw.mux.server.server', 'svcfw.ansible.connection', 'svcfw.cli.main', 'svcfw.boot.responder',
                 'svcfw.transport.paramiko', 'svcfw.transport.paramiko.login', 'svcfw.program.router'):  # fmt: skip
        assert scene.ask(name) == {name: None}
    sent = scene.responder._rights[10].sent
    assert {name.partition('.')[0] for name in sent} == {'svcfw'}
    assert sent <= public.names()
    assert len(public.names()) < 200


def test_the_program_goes_only_where_a_function_of_it_is_called(
    scene: Scene, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write({'rsuser.py': 'import __main__\n', 'program.py': 'if __name__ == "__main__": ...\n'})
    program = types.ModuleType('__main__')
    program.__file__ = str(folder / 'program.py')
    monkeypatch.setitem(sys.modules, '__main__', program)
    scene.allow('rsuser')
    assert set(scene.ask('rsuser')) == {'rsuser'}
    assert scene.ask('__main__') == {'__main__': None}
    scene.allow('__main__', FakeContext(20))
    assert scene.ask('__main__') == {'__main__': None}
    assert scene.ask('__main__', 20)['__main__']


def test_names_that_a_package_exports(scene: Scene, write: Write) -> None:
    write({'rsuser.py': 'from rsstar import *\n', 'rsstar/__init__.py': '__all__ = ["one"]\n', 'rsstar/one.py': ''})
    write({'rsstar/two.py': ''})
    scene.allow('rsuser')
    assert set(scene.ask('rsuser')) == {'rsuser', 'rsstar', 'rsstar.one'}


def test_nested_namespace_packages(scene: Scene, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library looks for the folders of such a one among the modules that are imported, and may not find it."""
    write({'rsouter/rsinner/deep/m.py': '', 'rsouter/rsinner/data': 'data'})
    import rsouter.rsinner  # type: ignore[import-not-found]

    del sys.modules['rsouter']
    assert rsouter is not None
    scene.allow('rsouter.rsinner.deep.m')
    for name in ('rsouter.rsinner.deep.m', 'rsouter.rsinner.deep', 'rsouter.rsinner', 'rsouter.nothing.m'):
        assert name in scene.ask(name)
    scene.ask_for_data(('rsouter.rsinner', ['data'], True))


def test_one_question_is_not_much_work(scene: Scene, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'MAX_PARSED_BYTES', 1000)
    monkeypatch.setattr(module, 'MAX_LOOKUPS', 20)
    write(
        {
            'rsmany.py': ''.join(f'import rs{i}\n' for i in range(9)),
            **{f'rs{i}.py': f'X = "{i:0400}"' for i in range(9)},
        }
    )
    write({'rsnames.py': ''.join(f'import rsmissing{i}\n' for i in range(100))})
    found: list[str] = []
    find = sources.find
    monkeypatch.setattr(sources, 'find', lambda name: (found.append(name), find(name))[1])
    scene.allow('rsmany')
    scene.allow('rsnames')
    assert set(scene.ask('rsmany')) == {'rsmany', 'rs0', 'rs1', 'rs2'}
    assert set(scene.ask('rs7')) == {'rs7'}
    del found[:]
    for _ in range(3):
        scene.ask('rs7')
    assert not found, 'what was found is kept'
    scene.ask('rsnames')
    assert len(found) == 21


class TestBelowAnotherContext:
    """Questions of contexts that are no children of the top: each has its own list."""

    def question(self, scene: Scene, *value: Any, src_id: int = 10) -> Any:
        message = FakeMessage(src_id, value)
        scene.router.handlers[handles.GET_MODULE](message)
        return message.answer

    def test_each_has_its_own_list(self, scene: Scene, write: Write) -> None:
        write({'rsone.py': 'X = 1', 'rstwo.py': 'X = 2'})
        scene.allow('rsone', FakeContext(11))
        scene.allow('rstwo', FakeContext(12))
        assert unpacked(self.question(scene, 'rsone', 11)) == {'rsone': 'X = 1'}
        assert unpacked(self.question(scene, 'rsone', 12)) == {'rsone': None}
        assert scene.ask('rsone') == {'rsone': None}
        assert self.question(scene, 'rsone', 11)[0][3] == b'', 'it is where it is passed on'

    def test_only_those_behind_the_same_link_are_named(self, scene: Scene, write: Write) -> None:
        write({'rsone.py': ''})
        scene.allow('rsone', FakeContext(21))
        for others in ((21,), ('21',), (99,), (21, 10), (11, 20)):
            with pytest.raises(DecodeError):
                self.question(scene, 'rsone', *others)
        message = FakeMessage(10, ('rsone', ['d'], True, 21))
        with pytest.raises(DecodeError):
            scene.router.handlers[handles.GET_DATA](message)

    def test_who_calls_gives_what_it_may_have_itself(self, scene: Scene, write: Write) -> None:
        write({'rsone.py': 'import rstwo', 'rstwo.py': '', 'rsthree.py': ''})
        scene.allow('rsone')
        scene.ask('rsone')
        self.question(scene, 'rstwo', 11, 10)
        self.question(scene, 'rsthree', 11, 10)
        self.question(scene, 'rstwo', 13, 12)
        assert unpacked(self.question(scene, 'rstwo', 11)) == {'rstwo': b''}
        assert unpacked(self.question(scene, 'rsthree', 11)) == {'rsthree': None}
        assert unpacked(self.question(scene, 'rstwo', 13)) == {'rstwo': None}, 'the caller may not'

    def test_grants_do_not_pile_up(self, scene: Scene, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, 'MAX_GRANTS', 3)
        write({'rsone.py': ''})
        scene.allow('rsone')
        for context_id in range(11, 19):
            self.question(scene, 'rsone', context_id, 10)
        assert set(scene.responder._rights) == {10, 11, 12, 13}
        scene.responder.forget_link(1)
        assert not scene.responder._grants


class TestWhatTheProgramAllows:
    """Modules that code imports by a computed name."""

    def test_everybody_may_have_it_and_what_it_imports(self, scene: Scene, write: Write) -> None:
        write({'rsplug.py': 'import rsplugdep\n', 'rsplugdep.py': 'X = 1\n'})
        assert scene.ask('rsplug') == {'rsplug': None}
        scene.responder.allow_everyone(['rsplug'])
        assert set(scene.ask('rsplug', 20)) == {'rsplug', 'rsplugdep'}
        [pushed] = scene.router.context(10).sent
        assert set(unpacked(pushed)) == {'rsplug', 'rsplugdep'}, 'who asked in vain remembers that there is none'

    def test_a_refusal_is_told_once_and_only_of_what_is_there(self, scene: Scene, write: Write) -> None:
        write({'rsplug.py': ''})
        for name in ('rsplug', 'rsplug', 'rsnowhere', 'no name', 'json'):
            scene.ask(name)
        [(level, text)] = scene.router.logged
        assert level == logging.INFO
        assert "refused module 'rsplug'" in text
        assert "router.allow_modules('rsplug')" in text

    def test_what_is_denied_goes_to_nobody(self, scene: Scene, write: Write) -> None:
        write({'rsmain.py': 'import rssecret\n', 'rssecret.py': ''})
        scene.responder.deny_everyone(['rssecret'])
        scene.allow('rsmain')
        assert scene.ask('rsmain').keys() == {'rsmain'}
        assert scene.ask('rssecret') == {'rssecret': None}
        assert 'denied' in scene.router.logged[0][1]
        scene.responder.allow_everyone(['rssecret'])
        assert scene.ask('rssecret') == {'rssecret': ''}


class TestMain:
    """The program itself, as `__main__`."""

    @pytest.fixture
    def main(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
        def become(source: bytes) -> None:
            path = tmp_path / 'program.py'
            path.write_bytes(source)
            program = types.ModuleType('__main__')
            program.__file__ = str(path)
            monkeypatch.setitem(sys.modules, '__main__', program)

        return become

    def source(self, scene: Scene) -> Any:
        scene.allow('__main__')
        return scene.ask('__main__')['__main__']

    def test_its_guard_is_left_out_and_lines_stay(self, scene: Scene, main: Any) -> None:
        main(b'X = 1\nif __name__ == "__main__":\n    X = 2\nelse:\n    X = 3\n\x0cY = 4\n')
        code = self.source(scene)
        names: dict[str, int] = {}
        exec(code, names)
        assert (names['X'], names['Y']) == (1, 4)
        assert code.split('\n').index('\x0cY = 4') == 5

    def test_svcfw_main_needs_no_guard(self, scene: Scene, main: Any) -> None:
        main(b'import svcfw\n@svcfw.main()\ndef main(router):\n    pass\n')
        assert 'def main(router)' in self.source(scene)

    @pytest.mark.parametrize(
        'head',
        ['from svcfw import main\n@main()', 'from svcfw import main as run\n@run()', 'import svcfw as s\n@s.main()'],
    )
    def test_svcfw_main_by_any_name(self, scene: Scene, main: Any, head: str) -> None:
        main(f'{head}\ndef program(router):\n    pass\n'.encode())
        assert 'def program(router)' in self.source(scene)

    @pytest.mark.parametrize('text', ['# not svcfw.main()\n', 'import svcfw\nprint(svcfw.main)\n', 'def main(): ...\n'])
    def test_what_only_looks_like_it(self, scene: Scene, main: Any, text: str) -> None:
        main(text.encode())
        with pytest.raises(TypeError, match='would run there'):
            self.source(scene)

    def test_one_that_would_run_is_refused(self, scene: Scene, main: Any) -> None:
        main(b'print("side effect")\n')
        with pytest.raises(TypeError, match=r'program.py would run there .* @svcfw.main\(\)'):
            self.source(scene)

    def test_another_encoding(self, scene: Scene, main: Any) -> None:
        main('# coding: latin-1\nX = "ü"\nif __name__ == "__main__": pass\n'.encode('latin-1'))
        assert 'X = "ü"' in self.source(scene)

    def test_none_at_all(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, '__main__', types.ModuleType('__main__'))
        with pytest.raises(TypeError, match=r'not started from a file \(python -c'):
            self.source(scene)
