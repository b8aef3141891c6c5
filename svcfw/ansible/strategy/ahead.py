"""Connects hosts ahead of their first task, from the main process, which waits for none of them.

A host's login begins when its first task is queued, and with it that of the host `forks` places further on: the
workers of those before it still run then. So no more than `forks` hosts are connected that have no worker yet. What it
takes is what the task would: its variables, its options. An error is nothing here; the task meets it again.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

from ansible import constants
from ansible.plugins.connection import ConnectionBase
from ansible.plugins.loader import action_loader, connection_loader

from svcfw.ansible.connection import Connection
from svcfw.ansible.strategy import plugin, variables

#: Actions for hosts that may not be up yet.
_WAITING = frozenset({'wait_for_connection', 'wait_for', 'pause', 'reboot'})
#: Keywords of a task that options of the connection are set from, and that may be templates.
_KEYWORDS = ('port', 'remote_user')

GetVariables = Callable[[Any, Any], Any]
MakeTemplar = Callable[[Any], Any]


class Ahead:
    """The hosts of one batch. reach: how many places ahead; 0 for none but the host whose task it is.

    get_variables(host, task): those of a task; make_templar(variables): a templar of this core.
    """

    def __init__(
        self, hosts: Sequence[Any], reach: int, get_variables: GetVariables, make_templar: MakeTemplar
    ) -> None:
        self._hosts = hosts
        self._places = {host.name: place for place, host in enumerate(hosts)}
        self._reach = reach
        self._get_variables = get_variables
        self._make_templar = make_templar
        self._begun: set[str] = set()

    def queued(self, host: Any, task: Any, task_vars: Any, play_context: Any) -> None:
        """A task for a host is about to be queued. Raises nothing."""
        place = self._places.get(host.name)
        if place is None:
            return
        far = self._hosts[place + self._reach : place + self._reach + 1] if self._reach else ()
        due = [each for each in (host, *far) if each.name not in self._begun]
        if not due or not needs_connection(task):
            return
        for each in due:
            self._begun.add(each.name)
            try:
                values = task_vars if each is host else self._get_variables(each, task)
                begin(values, task, play_context, self._make_templar)
            except Exception:
                continue  # whatever it is, the task itself meets it, with all that belongs to an error


def needs_connection(task: Any) -> bool:
    """Whether a task will certainly use the connection of each host of a batch."""
    if task.delegate_to or task.when or task.run_once or task.throttle:
        return False
    name = str(task.action)
    if '{' in name or name.rpartition('.')[2] in _WAITING or name in getattr(constants, '_ACTION_ALL_INCLUDES', ()):
        return False
    action = action_loader.get(name, class_only=True, collection_list=task.collections)
    return bool(getattr(action, '_requires_connection', True)) and not getattr(action, 'BYPASS_HOST_LOOP', False)


def begin(task_vars: Any, task: Any, play_context: Any, make_templar: MakeTemplar) -> None:
    """Have the login begin that a task with these variables needs, if its connection is ours.

    The plugin is set up as core does it for a task: see TaskExecutor._set_connection_options.
    """
    name = task_vars.get(variables.VARIABLE) or task.connection
    if name not in plugin.NAMES:
        return
    connection = connection_loader.get(name, play_context, os.devnull)
    if not isinstance(connection, Connection):
        return
    templar = make_templar(task_vars)
    keys = task.dump_attrs()
    keys.pop('retries', None)
    keys.update({word: templar.template(keys[word]) for word in _KEYWORDS if keys.get(word) is not None})
    keys['timeout'] = play_context.timeout
    if play_context.password:
        keys['password'] = play_context.password
    connection.set_options(task_keys=keys, var_options=_options(connection, task_vars, templar))
    if not connection.get_option('private_key'):  # an agent for it would belong to this process
        connection.begin()
        connection.close()


def _options(connection: Connection, task_vars: Any, templar: Any) -> Any:
    """The options that variables set."""
    if hasattr(ConnectionBase, '_resolve_option_variables'):  # from 2.17 on
        return connection._resolve_option_variables(task_vars, templar)
    names = constants.config.get_plugin_vars('connection', connection._load_name)
    return {name: templar.template(task_vars[name]) for name in names if name in task_vars}
