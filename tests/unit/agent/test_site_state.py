"""What decides how an interpreter starts, and whether it has changed."""

import os
import sys
import types

import pytest

from svcfw.agent import site_state
from svcfw.agent.site_state import Watch, watched


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A folder that is on sys.path."""
    monkeypatch.setattr(sys, 'path', [*sys.path, str(tmp_path)])
    return tmp_path


def test_nothing_changes_by_itself(folder):
    watch = Watch(watched())
    assert not watch.changed()


def test_an_installed_package(folder):
    watch = Watch(watched())
    (folder / 'package').mkdir()
    assert watch.changed()


def test_a_path_file_written_in_place(folder):
    (folder / 'a.pth').write_text('# nothing yet\n')
    watch = Watch(watched())
    with (folder / 'a.pth').open('a') as opened:
        opened.write('/srv/app\n')
    # Even if somebody takes the old time along.
    os.utime(folder / 'a.pth', (1, 1))
    assert watch.changed()


def test_what_a_path_file_names_comes_to_be(folder, tmp_path_factory):
    later = tmp_path_factory.mktemp('projects') / 'later'
    (folder / 'a.pth').write_text(f'# comment\nimport os\n{later}\n')
    watch = Watch(watched())
    later.mkdir()
    assert watch.changed()


def test_a_first_package_of_the_users(monkeypatch, tmp_path):
    site = sys.modules['site']
    monkeypatch.setattr(site, 'ENABLE_USER_SITE', True)
    monkeypatch.setattr(site, 'USER_SITE', str(tmp_path / 'later'))
    watch = Watch(watched())
    (tmp_path / 'later').mkdir()
    assert watch.changed()


def test_a_changed_customization(monkeypatch, tmp_path):
    custom = tmp_path / 'sitecustomize.py'
    custom.write_text('')
    module = types.ModuleType('sitecustomize')
    module.__file__ = str(custom)
    monkeypatch.setitem(sys.modules, 'sitecustomize', module)
    watch = Watch(watched())
    custom.write_text('x = 1\n')
    assert watch.changed()


def test_another_interpreter_in_its_place(monkeypatch, tmp_path):
    for name in ('old', 'new'):
        (tmp_path / name).write_text('')
    link = tmp_path / 'python'
    link.symlink_to('old')
    monkeypatch.setattr(sys, 'executable', str(link))
    watch = Watch(watched())
    link.unlink()
    link.symlink_to('new')
    assert watch.changed()


def test_foreign_files_are_those_of_no_standard_module(monkeypatch):
    member = types.ModuleType('ansible.member')
    member.__file__ = '/dev/null/svcfw/ansible_payload.zip/ansible/member.py'
    monkeypatch.setitem(sys.modules, 'ansible.member', member)
    files = site_state.foreign_files()
    assert pytest.__file__ in files
    assert os.__file__ not in files
    assert member.__file__ not in files
