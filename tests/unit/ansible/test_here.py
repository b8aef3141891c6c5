"""What the stock local connection is made with, where ours stays on this machine."""

import getpass
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.ansible import here
from svcfw.ansible.here import Given


@pytest.mark.parametrize('error', [KeyError('uid'), OSError('No username set in the environment')])
def test_an_account_without_a_name_is_none(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    assert here.account() == getpass.getuser()

    def unknown() -> str:
        raise error

    monkeypatch.setattr(getpass, 'getuser', unknown)
    assert here.account() == ''


class Stock:
    """The stock connection, as far as it is set up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.made_with = (args, kwargs)
        self.cwd = None
        self.options: Any = None
        self.become: Any = None

    def set_options(self, **sources: Any) -> None:
        self.options = sources

    def set_become_plugin(self, plugin: Any) -> None:
        self.become = plugin

    def _resolve_option_variables(self, variables: Any, templar: Any) -> Any:
        return {'resolved': variables, 'by': templar}


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def get(name: str, *args: Any, **kwargs: Any) -> Stock:
        names.append(name)
        return Stock(*args, **kwargs)

    monkeypatch.setattr(here, 'connection_loader', SimpleNamespace(get=get))
    return names


def test_it_is_made_and_set_up_as_ours_was(loader: list[str]) -> None:
    given = Given('context', ansible_playbook_pid='1')
    given.options(var_options={'a': 1}, direct={'b': 2})
    stock = given.stock_local('become', '/folder')
    assert loader == ['ansible.builtin.local']
    assert stock.made_with == (('context',), {'ansible_playbook_pid': '1'})
    assert (stock.options, stock.become, stock.cwd) == (
        {'var_options': {'a': 1}, 'direct': {'b': 2}},
        'become',
        '/folder',
    )


def test_its_variables_are_the_tasks(loader: list[str]) -> None:
    given = Given()
    given.options(var_options={'ours': 1})
    given.variables({'x': '{{ y }}'}, 'templar')
    assert given.stock_local(None, None).options == {'var_options': {'resolved': {'x': '{{ y }}'}, 'by': 'templar'}}
