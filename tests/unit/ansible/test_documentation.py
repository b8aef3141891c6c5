"""The plugin file's options against those of the installed core's `ssh`."""

import ast
import inspect

import pytest
import yaml
from ansible.plugins.connection import ssh

from tests.unit.ansible.connections import PLUGINS

# Ours differ on purpose: what turns it off for all hosts, as it is by default elsewhere, must not do so here.
OWN_PIPELINING = 'pipelining'


def documented(source):
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == 'DOCUMENTATION':
            return yaml.safe_load(node.value.value)
    raise AssertionError('no DOCUMENTATION')


@pytest.fixture(scope='module')
def ours():
    return documented((PLUGINS / 'connection' / 'svcfw.py').read_text())


@pytest.fixture(scope='module')
def stock():
    return documented(inspect.getsource(ssh))


def test_every_option_of_stock_under_every_name_it_has_there(ours, stock):
    for name, option in stock['options'].items():
        if name == OWN_PIPELINING:
            continue
        assert name in ours['options']
        for source in ('env', 'vars', 'cli', 'keyword'):
            names = {entry['name'] for entry in option.get(source, ()) if '[' not in entry['name']}
            assert names <= {entry['name'] for entry in ours['options'][name].get(source, ())}, (name, source)
        inis = {(entry['section'], entry['key']) for entry in option.get('ini', ())}
        assert inis <= {(entry['section'], entry['key']) for entry in ours['options'][name].get('ini', ())}, name


def test_stocks_defaults(ours, stock):
    for name, option in stock['options'].items():
        if name not in (OWN_PIPELINING, 'ssh_transfer_method'):  # the latter had none in 2.16, with the same effect
            assert ours['options'][name].get('default') == option.get('default'), name


def test_every_option_says_what_it_is(ours):
    assert all(option['description'] for option in ours['options'].values())


def test_pipelining_is_on_and_only_variables_turn_it_off_under_the_names_of_others(ours, stock):
    option = ours['options'][OWN_PIPELINING]
    assert option['default'] is True
    assert all('svcfw' in entry['name'].lower() for entry in option['env'])
    assert all('svcfw' in entry['section'] for entry in option['ini'])
    names = [entry['name'] for entry in option['vars']]
    assert {entry['name'] for entry in stock['options'][OWN_PIPELINING]['vars']} < set(names)
    assert names[-1] == 'ansible_svcfw_pipelining'  # the last that is set is the one that counts


def test_there_is_no_logic_in_the_plugin_file():
    body = ast.parse((PLUGINS / 'connection' / 'svcfw.py').read_text()).body
    assert [type(node) for node in body[:-1]] == [ast.ImportFrom, ast.Assign, ast.ImportFrom, ast.ImportFrom]
    assert ast.unparse(body[-1]) == 'imported(__name__)'  # as it is imported
