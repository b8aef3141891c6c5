"""The action of the module `semaphore`: says what its hosts may hold. Workers of ansible-playbook."""

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from svcfw.ansible.options import text
from svcfw.ansible.services.ready.attested import attest
from svcfw.ansible.services.ready.semaphores import NAME

#: Strategies that take all hosts through a task before the next one.
_IN_STEP = ('linear', 'debug')
_TIMEOUT_S = 600.0
_OPTIONS = {'name', 'slots', 'state', 'timeout'}


class ActionModule(ActionBase):
    """One `semaphore` task on one host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Have the module ask for what this task says."""
        variables = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = {text(name): value for name, value in self._task.args.items()}
        if unknown := sorted(set(arguments) - _OPTIONS):
            raise AnsibleActionFail(f'semaphore has no option {", ".join(unknown)}')
        name = arguments.get('name')
        if not isinstance(name, str) or not name:
            raise AnsibleActionFail('name is missing')
        forks = variables.get('ansible_forks')
        request = {
            'host': text(variables['inventory_hostname']),
            'name': text(name),
            'slots': int(_number(arguments, 'slots', 1, 1)),
            'timeout': _number(arguments, 'timeout', _TIMEOUT_S, 0),
            'forks': forks if isinstance(forks, int) else None,
            'obstacle': _obstacle(self._task),
        }
        arguments['_key'] = attest(self._connection, NAME, request)
        result.update(self._execute_module(self._task.action, arguments, task_vars=task_vars))
        return result


def _number(arguments: dict[str, Any], name: str, default: float, least: float) -> float:
    value = arguments.get(name)
    try:
        number = default if value is None else float(value)
    except (TypeError, ValueError):
        number = least - 1
    if not least <= number < 1e9 or (name == 'slots' and number != int(number)):
        raise AnsibleActionFail(f'{name} is a number from {least:g} on, not {value!r}')
    return number


def _obstacle(task: Any) -> str | None:
    """Why to wait would be in vain; None if it need not be, as far as is known."""
    strategy = str(_strategy(task) or '').rpartition('.')[2]
    if strategy not in _IN_STEP:
        return None
    return (
        f'with the strategy {strategy} it would not be released before this task has ended on all hosts. '
        'Use `strategy: host_pinned` or `free`, or take no more hosts at a time than there are slots, with `serial`'
    )


def _strategy(task: Any) -> Any:
    """That of the task's play. ansible-core has no public way to it."""
    parent = task
    while parent is not None:
        play = getattr(parent, '_play', None)
        if play is not None:
            return getattr(play, 'strategy', None)
        parent = getattr(parent, '_parent', None)
    return None
