import os
from pathlib import Path

import pytest

from svcfw.cli import plugins


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / 'site-packages' / 'ansible_collections' / 'svcfw' / 'svcfw' / 'plugins'
    for name in ('connection/svcfw.py', 'strategy/linear.py', 'strategy/__init__.py'):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_the_plugins_of_this_checkout_are_found() -> None:
    assert (plugins.source() / 'connection' / 'svcfw.py').is_file()


def test_enabling_links_every_plugin_and_is_done_once(source: Path, tmp_path: Path) -> None:
    into = tmp_path / 'home' / 'plugins'
    links = [into / 'connection' / 'svcfw.py', into / 'strategy' / 'svcfw_linear.py']
    for _ in range(2):
        assert plugins.enable(source, into) == links
        assert [link.resolve() for link in links] == [source / 'connection/svcfw.py', source / 'strategy/linear.py']
        assert len(list(into.glob('*/*'))) == 2


def test_a_link_that_cannot_get_its_name_leaves_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **more: object) -> None:
        raise OSError(28, 'No space left on device')

    into = tmp_path / 'home' / 'plugins'
    with monkeypatch.context() as patch:
        patch.setattr(os, 'rename', full)
        patch.setattr(os, 'replace', full)
        with pytest.raises(OSError, match='No space left'):
            plugins.enable(source, into)
    assert list(into.glob('*/*')) == []


def test_common_words_are_left_to_modules_of_others(source: Path, tmp_path: Path) -> None:
    for name in ('action/artifact.py', 'modules/artifact.py', 'modules/service_call.py'):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).touch()
    assert all(link.stem == 'svcfw' or link.stem == 'svcfw_linear' for link in plugins.enable(source, tmp_path))


def test_disabling_removes_our_links_and_nothing_else(source: Path, tmp_path: Path) -> None:
    into = tmp_path / 'plugins'
    links = plugins.enable(source, into)
    foreign = into / 'connection' / 'other.py'
    foreign.symlink_to('/somewhere/connection/other.py')
    assert plugins.disable(into) == links
    assert [path.name for path in into.glob('*/*')] == ['other.py']
    assert plugins.disable(into) == []


def test_a_link_to_an_installation_that_is_gone_is_ours(source: Path, tmp_path: Path) -> None:
    into = tmp_path / 'plugins'
    (into / 'connection').mkdir(parents=True)
    link = into / 'connection' / 'svcfw.py'
    link.symlink_to('/gone/lib/ansible_collections/svcfw/svcfw/plugins/connection/svcfw.py')
    plugins.enable(source, into)
    assert link.resolve() == source / 'connection' / 'svcfw.py'


@pytest.mark.parametrize('kind', ['file', 'link'])
def test_what_is_not_ours_is_never_touched(source: Path, tmp_path: Path, kind: str) -> None:
    into = tmp_path / 'plugins'
    (into / 'strategy').mkdir(parents=True)
    foreign = into / 'strategy' / 'svcfw_linear.py'
    if kind == 'file':
        foreign.write_text('mine')
    else:
        foreign.symlink_to('/home/me/strategy/linear.py')
    with pytest.raises(plugins.Refused, match=r'svcfw_linear\.py is not a link to a svcfw plugin'):
        plugins.enable(source, into)
    assert not (into / 'connection').exists()
    assert plugins.disable(into) == []
    assert foreign.is_symlink() or foreign.read_text() == 'mine'
