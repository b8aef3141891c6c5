"""Finds our connection plugin as ansible-core finds it, and loads it into the main process, whose forks have it then.

A worker would otherwise import a plugin of a collection for each task.
"""

from functools import cache
from typing import Any

from ansible.plugins.loader import connection_loader

from svcfw.ansible.connection import Connection

#: The short name, if the user has it, is the one in their inventories.
NAMES = ('svcfw', 'svcfw.svcfw.svcfw')
#: The connections that lead to the same place as ours would.
LED = frozenset({'ssh', 'smart', 'paramiko', 'paramiko_ssh'})
_CORES = ('ansible.builtin.', 'ansible.legacy.')


@cache
def load() -> str | None:
    """Load it; the name under which it was found, None if it was not."""
    for name in NAMES:
        found: Any = connection_loader.get(name, class_only=True)
        if isinstance(found, type) and issubclass(found, Connection):
            return name
    return None


@cache
def is_led(name: str) -> bool:
    """Whether a host of this connection goes through svcfw: ssh by any of its names, unless it is somebody's own."""
    short = next((name.removeprefix(core) for core in _CORES if name.startswith(core)), name)
    if short not in LED:
        return False
    context = connection_loader.find_plugin_with_context(name)
    return not context.resolved or context.plugin_resolved_collection == 'ansible.builtin'
