"""What is imported before the fork: kept for payloads with the same files, forgotten for others."""

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from svcfw.agent.warm.ahead import preimport
from svcfw.agent.warm.ahead.preimport import Preimport
from svcfw.agent.warm.finder import MemoryFinder
from svcfw.agent.warm.members import Members
from tests.support.jobs import module_job

#: A payload with as much of `ansible` as is imported in advance.
FILES = {
    'ansible/__init__.py': b'',
    'ansible/module_utils/__init__.py': b'',
    'ansible/module_utils/basic.py': b'import ansible.module_utils.text\nVALUE = 1\n',
    'ansible/module_utils/text.py': b'',
    'ansible/module_utils/more.py': b'VALUE = 2\n',
    'ansible/module_utils/deep/__init__.py': b'',
    'ansible/module_utils/deep/part.py': b'import colorsys\nfrom ansible.module_utils import basic\n',
    'ansible/modules/__init__.py': b'',
    'ansible/modules/ask.py': b'import ansible.module_utils.deep.part\nif __name__ == "__main__":\n    1 / 0\n',
}
BASIC, MORE = 'ansible.module_utils.basic', 'ansible.module_utils.more'
ASK, PART = 'ansible.modules.ask', 'ansible.module_utils.deep.part'


class Scene:
    """A template's importer; no ansible is imported but by it."""

    def __init__(self) -> None:
        self.members = Members()
        self.finder = MemoryFinder(self.members)
        self.preimport = Preimport(self.finder)
        self.payload = self.made()
        self.finder.use(self.payload, None)

    def made(self, **changed: bytes) -> list[tuple[str, bytes]]:
        """A payload's member list, with other contents of files by their last names."""
        member_list = []
        for name, content in FILES.items():
            content = changed.get(name.rpartition('/')[2][:-3], content)
            digest = name.encode() + content
            self.members.add(digest, content)
            member_list.append((name, digest))
        return member_list

    def settle(self, payload: list[tuple[str, bytes]], **more: Any) -> set[str]:
        """What is left of `ansible` in the child of a job."""
        self.finder.use(payload, None)
        self.preimport.settle(payload, **more)
        return {name for name in sys.modules if name.partition('.')[0] == 'ansible'}


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    before = {name: module for name, module in sys.modules.items() if name.partition('.')[0].startswith('ansible')}
    for name in before:
        del sys.modules[name]
    made = Scene()
    monkeypatch.setattr(sys, 'meta_path', [made.finder, *sys.meta_path])
    yield made
    for name in [name for name in sys.modules if name.partition('.')[0].startswith('ansible')]:
        del sys.modules[name]
    sys.modules.update(before)


def test_modules_are_kept_for_payloads_that_have_them(scene: Scene) -> None:
    scene.preimport.ensure(module_job())
    assert sys.modules[BASIC].VALUE == 1
    assert scene.settle(scene.payload) >= {'ansible', BASIC, 'ansible.module_utils.text'}
    assert BASIC in scene.settle(scene.made(more=b'VALUE = 3\n')), 'what was not imported may differ'


def test_another_version_of_one_is_an_end_of_all(scene: Scene) -> None:
    scene.preimport.ensure(module_job())
    assert scene.settle(scene.made(text=b'# another\n')) == set()


def test_what_cannot_be_imported_is_left_to_each_module(scene: Scene) -> None:
    payload = scene.made(basic=b'raise SystemExit("this Python is too old")\n')
    scene.finder.use(payload, None)
    scene.preimport.ensure(module_job())
    scene.preimport.ensure(module_job())
    assert scene.settle(payload) == set()


def test_what_runs_have_imported_is_imported_for_the_next(scene: Scene) -> None:
    scene.preimport.ensure(module_job())
    scene.preimport.learn([MORE, 'house_nothing', 'ansible.module_utils.none'])
    assert sys.modules[MORE].VALUE == 2
    assert 'house_nothing' not in sys.modules
    without = [entry for entry in scene.payload if not entry[0].endswith('more.py')]
    assert MORE in scene.settle(without, is_core=True)
    assert MORE not in scene.settle(without)
    assert BASIC in sys.modules
    assert scene.settle(scene.made(more=b'VALUE = 3\n')) == set()


class TestAhead:
    """What one module of core imports is there for its own forks, from its second job on, and for no other's."""

    @pytest.fixture
    def ready(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
        monkeypatch.delitem(sys.modules, 'colorsys', raising=False)
        scene.preimport.ensure(module_job())
        scene.preimport.judge(scene.payload)
        for _ in range(2):
            assert PART not in scene.settle(scene.payload, is_core=True, fqn=ASK)
            scene.preimport.import_ahead(ASK)
        return scene

    def test_its_own_forks_have_it(self, ready: Scene) -> None:
        assert not {PART, ASK, 'colorsys'} & set(sys.modules)
        assert not hasattr(sys.modules['ansible.module_utils'], 'deep'), 'from a package it could be had'
        assert PART in ready.settle(ready.payload, is_core=True, fqn=ASK)
        assert 'colorsys' in sys.modules
        assert sys.modules['ansible.module_utils'].deep.part is sys.modules[PART]
        assert sys.modules[PART].basic is sys.modules[BASIC]
        assert ASK not in sys.modules, 'it is run anew, as __main__'

    def test_others_have_not(self, ready: Scene) -> None:
        assert PART not in ready.settle(ready.payload, is_core=True, fqn='ansible.modules.ping')
        assert PART not in ready.settle(ready.payload, fqn=ASK), "one by its name that is not core's own"
        assert 'colorsys' not in sys.modules

    def test_nor_has_it_itself_with_other_files(self, ready: Scene) -> None:
        assert ready.settle(ready.made(text=b'# another\n'), is_core=True, fqn=ASK) == set()

    @pytest.mark.parametrize('is_there', [True, False], ids=['another', 'missing'])
    def test_nor_with_another_version_of_what_was_imported_for_it(self, ready: Scene, is_there: bool) -> None:
        payload = ready.made(part=b'NEW = 1\n')
        if not is_there:
            payload = [entry for entry in payload if not entry[0].endswith('part.py')]
        assert PART not in ready.settle(payload, is_core=True, fqn=ASK)
        ready.preimport.import_ahead(ASK)
        assert (PART in ready.settle(payload, is_core=True, fqn=ASK)) == is_there
        assert not is_there or sys.modules[PART].NEW == 1, 'imported anew in the template'

    def test_what_six_has_found_stays(self, ready: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """It sets what was imported as an attribute of its own, for good."""
        payload = ready.made(
            part=b'import sys, colorsys\nsys.modules["ansible.module_utils.six.moves"].found = colorsys\n'
        )
        moves = types.ModuleType('ansible.module_utils.six.moves')
        monkeypatch.setitem(sys.modules, moves.__name__, moves)
        ready.finder.use(payload, None)
        ready.preimport.import_ahead(ASK)
        assert sys.modules['colorsys'] is moves.found
        monkeypatch.delitem(sys.modules, 'colorsys')

    def test_a_failure_leaves_each_run_to_itself(self, ready: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(name: str) -> bool:
            raise ValueError(name)

        monkeypatch.setattr(preimport, '_is_standard', broken)
        payload = ready.made(part=b'import colorsys\n')
        ready.finder.use(payload, None)
        ready.preimport.import_ahead(ASK)
        assert PART not in ready.settle(payload, is_core=True, fqn=ASK)

    @pytest.mark.parametrize(
        'text', [b'import house_foreign\n', b'import colorsys\nraise ValueError\n'], ids=['foreign', 'broken']
    )
    def test_what_is_not_known_to_stay_is_not_kept(
        self, scene: Scene, text: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / 'house_foreign.py').write_text('')
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, 'colorsys', raising=False)
        payload = scene.made(part=text)
        scene.finder.use(payload, None)
        scene.preimport.ensure(module_job())
        scene.preimport.judge(payload)
        for _ in range(2):
            scene.preimport.import_ahead(ASK)
        assert PART not in scene.settle(payload, is_core=True, fqn=ASK)
        assert not {'house_foreign', 'colorsys'} & set(sys.modules)

    def test_what_was_learned_since_stays_as_it_is(self, ready: Scene) -> None:
        ready.preimport.learn(['colorsys'])
        learned = sys.modules['colorsys']
        ready.settle(ready.payload, is_core=True, fqn=ASK)
        assert sys.modules['colorsys'] is learned

    def test_a_module_called_like_an_attribute_of_sys(self, ready: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        platform = sys.platform
        monkeypatch.delitem(sys.modules, 'platform')
        ready.finder.use(ready.made(part=b'import platform\n'), None)
        ready.preimport.import_ahead(ASK)
        assert 'platform' not in sys.modules
        assert sys.platform == platform


def test_a_source_finds_none_of_it(scene: Scene) -> None:
    scene.preimport.ensure(module_job())
    scene.preimport.forget_all()
    assert not [name for name in sys.modules if name.partition('.')[0] == 'ansible']


def test_what_core_does_for_nothing_is_spared(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[bool] = []
    monkeypatch.setattr(preimport.spared, 'spare', lambda: imported.append(BASIC in sys.modules))
    scene.preimport.ensure(module_job())
    assert imported == [True]
