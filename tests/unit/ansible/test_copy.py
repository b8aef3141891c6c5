"""The `copy` action beside a target: which class it is, what it leaves to stock at once, how much it sends together."""

import runpy
import subprocess
import sys

import pytest
from ansible.plugins.action import ActionBase

from svcfw.ansible import copy as module
from svcfw.ansible.copy import ROUND_BYTES, ROUND_FILES, ActionModule, _base, _check_name, _File, _NotPlain, _rounds
from tests.unit.ansible.connections import PLUGINS

PLUGIN = str(PLUGINS / 'action' / 'copy.py')


def plugin(connection):
    """The action as ansible-core makes it for a `copy` task over `connection`."""
    action = runpy.run_path(PLUGIN)['ActionModule'].__new__(runpy.run_path(PLUGIN)['ActionModule'])
    action._connection = connection
    return action


def test_the_plugin_is_a_subclass_of_stocks():
    found = runpy.run_path(PLUGIN)['ActionModule']
    assert issubclass(found, ActionBase)
    assert found.TRANSFERS_FILES
    assert found.__mro__[1].__module__ == 'svcfw_stock_copy'


def test_the_plugin_is_ours_over_a_connection_of_ours(connect, monkeypatch):
    monkeypatch.setattr(ActionModule, 'run', lambda self, tmp, task_vars: 'ours')
    assert plugin(connect()).run() == 'ours'


def test_the_plugin_is_stocks_over_every_other_connection(monkeypatch):
    action = plugin(object())
    stock = type(action).__mro__[1]
    monkeypatch.setattr(stock, 'run', lambda self, tmp, task_vars: 'stock')
    assert action.run() == 'stock'
    assert not isinstance(action, ActionModule)


LOAD = """
import runpy, sys
action = object.__new__(runpy.run_path(sys.argv[1])['ActionModule'])
action._connection = None
type(action).__mro__[1].run = lambda self, tmp, task_vars: None
action.run()
print([name for name in sys.modules if name.partition('.')[0] == 'svcfw'])
"""


def test_over_other_connections_nothing_of_svcfw_is_loaded():
    done = subprocess.run([sys.executable, '-c', LOAD, PLUGIN], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == '[]'


def test_loading_it_leaves_stocks_module_alone():
    assert 'svcfw.ansible.stock_copy' not in sys.modules
    assert getattr(sys.modules.get('ansible.plugins.action.copy'), 'ActionModule', None) is not ActionModule


@pytest.mark.parametrize('name', ['$HOME/x', 'x$', '~', '~user/x', 'new\nline', 'zero\0', 'surrogate\udcff'])
def test_names_that_a_module_might_take_for_others(name):
    with pytest.raises(_NotPlain):
        _check_name(name)


@pytest.mark.parametrize('name', ['/x/y', 'caf\u00e9', ' ', '-rf', '"\'', 'a~b', '/x/~y'])
def test_names_that_are_themselves(name):
    _check_name(name)


def sized(*sizes):
    return [_File('local', str(number), 'sha1', None, size) for number, size in enumerate(sizes)]


def test_what_is_sent_together_is_bounded():
    half = ROUND_BYTES // 2
    groups = list(_rounds(sized(half, half, 1, 3 * ROUND_BYTES, 1, 1)))
    assert [[file.path for file in group] for group in groups] == [['0', '1'], ['2'], ['3'], ['4', '5']]
    assert [len(group) for group in _rounds(sized(*[0] * (ROUND_FILES + 1)))] == [ROUND_FILES, 1]


def of(folder, *names):
    """Files of a folder, as the action has them, and their sources."""
    sources = [str(folder / name) for name in names]
    return [_File(source, name, 'sha1', None, 1) for name, source in zip(names, sources, strict=True)], sources


class TestWhatTheTargetMayFetch:
    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / 'src' / 'deep').mkdir(parents=True)
        for name in ('src/one', 'src/deep/two', 'outside'):
            (tmp_path / name).write_text(name)
        return tmp_path

    def test_the_folder_that_all_are_in(self, folder):
        assert _base(*of(folder / 'src', 'one', 'deep/two')) == (str(folder / 'src'), str(folder / 'src'))
        assert _base(*of(folder, 'src/one', 'src/deep/two')) == (str(folder), str(folder / 'src'))
        assert _base(*of(folder / 'src', 'deep/two')) == (str(folder / 'src'), str(folder / 'src' / 'deep'))

    def test_nothing_where_there_are_no_files(self):
        assert _base([], []) is None

    def test_nothing_where_one_was_encrypted(self, folder):
        files, sources = of(folder / 'src', 'one', 'deep/two')
        assert _base([files[0], files[1]._replace(local='/tmp/decrypted')], sources) is None

    @pytest.mark.parametrize('name', ['src/link', 'src/deep/link', 'src/elsewhere/outside'])
    def test_nothing_where_a_link_is_on_the_way(self, folder, name):
        if 'elsewhere' in name:
            (folder / 'src' / 'elsewhere').symlink_to(folder)
        else:
            (folder / name).symlink_to(folder / 'outside')
        assert _base(*of(folder, 'src/one', name)) is None

    def test_a_link_to_the_folder_itself_leads_nowhere_else(self, folder):
        (folder / 'again').symlink_to(folder / 'src')
        assert _base(*of(folder / 'again', 'one', 'deep/two')) == (str(folder / 'again'), str(folder / 'again'))

    def test_nothing_where_paths_are_others_there(self, folder):
        files, sources = of(folder / 'src', 'one', 'deep/two')
        assert _base([files[0], files[1]._replace(path='two')], sources) is None


def test_the_module_is_looked_for_in_the_collection_and_where_enable_links_it():
    assert [name.rpartition('.')[2] for name in module.MODULES] == ['svcfw_copy_tree'] * 2
    assert (PLUGINS / 'modules' / 'svcfw_copy_tree.py').is_file()
