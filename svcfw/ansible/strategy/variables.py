"""The variables of a play as our strategies see them: `ansible_connection` of ssh hosts names our connection.

It is what an inventory would say, so everything follows that goes by variables: tasks, `delegate_to`, `meta:
reset_connection`. The inventory itself, hostvars and the play stay as they are.
"""

from collections.abc import Callable
from typing import Any

VARIABLE = 'ansible_connection'
#: What a VariableManager must have; a core without them is left alone.
HOOKS = ('get_vars', 'get_delegated_vars_and_hostname')


class Variables:
    """In the place of the VariableManager that a strategy and its workers use.

    templar(variables) makes a templar of this core; is_led(name): whether hosts of this connection go through `name`.
    """

    def __init__(
        self, inner: Any, name: str, is_led: Callable[[str], bool], templar: Callable[[dict[str, Any]], Any]
    ) -> None:
        self._inner = inner
        self._name = name
        self._is_led = is_led
        self._templar = templar

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def get_vars(self, *args: Any, **kwargs: Any) -> Any:
        """Of a task on a host. Called for each."""
        variables = self._inner.get_vars(*args, **kwargs)
        task = kwargs.get('task')
        if task is not None and kwargs.get('host') is not None:
            self._lead(variables, task)
        return variables

    def get_delegated_vars_and_hostname(self, templar: Any, task: Any, variables: Any) -> Any:
        """Called in the worker, for each task or item of a loop."""
        found = self._inner.get_delegated_vars_and_hostname(templar, task, variables)
        for of_host in found[0].get('ansible_delegated_vars', {}).values():
            self._lead(of_host, task)
        return found

    def _lead(self, variables: dict[str, Any], task: Any) -> None:
        value = variables.get(VARIABLE)
        if value is None:
            value = task.connection
        if not isinstance(value, str):
            return
        if '{' in value:
            try:
                value = self._templar(variables).template(value)
            except Exception:
                return  # of no meaning yet, or an error: the worker says it
        if isinstance(value, str) and self._is_led(str.__str__(value)):
            variables[VARIABLE] = self._name
