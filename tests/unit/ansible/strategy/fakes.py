"""What strategies are given by ansible-core, as far as ours need it."""

from types import SimpleNamespace
from typing import Any


class Manager:
    """A VariableManager: hosts' variables, and some other method."""

    other = 'other'

    def __init__(self, **hosts: Any) -> None:
        self.hosts = hosts

    def get_vars(self, play: Any = None, host: Any = None, task: Any = None) -> Any:
        return dict(self.hosts.get(host.name if host else '', {}))

    def get_delegated_vars_and_hostname(self, templar: Any, task: Any, variables: Any) -> Any:
        if not task.delegate_to:
            return {}, None
        return {'ansible_delegated_vars': {task.delegate_to: dict(self.hosts[task.delegate_to])}}, task.delegate_to


class Templar:
    def __init__(self, variables: Any) -> None:
        self.variables = variables

    def template(self, value: str) -> Any:
        return self.variables[value.strip('{ }')]


def make_task(**fields: Any) -> Any:
    given = {'connection': 'ssh', 'delegate_to': None, 'when': [], 'run_once': False, 'throttle': 0, 'action': 'ping'}
    return SimpleNamespace(**{**given, 'collections': [], **fields})


def make_host(name: str) -> Any:
    return SimpleNamespace(name=name)
