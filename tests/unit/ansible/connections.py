"""Connection plugins as ansible-core makes them, with a fake multiplexer behind; and actions to drive them with."""

import shlex
from pathlib import Path
from typing import Any
from unittest import mock

from ansible.playbook.play_context import PlayContext
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import become_loader, connection_loader, init_plugin_loader
from ansible.release import __version__

from svcfw.core.wire.errors import StartError
from tests.support.fake_mux import FakeMux

#: How a file of ours is made accessible. Up to 2.16 the mode is another one (u+x), which is left to chmod itself.
CHMOD = 'run_command' if __version__.startswith('2.16.') else 'chmod'
#: A command that core builds for a module.
PYTHON = "/bin/sh -c '/usr/bin/python3 && sleep 0'"
PLUGINS = Path(__file__).parents[3] / 'ansible_plugins'

init_plugin_loader()
connection_loader.add_directory(str(PLUGINS / 'connection'))


def make_connection(mux: FakeMux, **variables: Any) -> Any:
    """A connection to the host `target` for the user `me`, with the options that `variables` set."""
    play_context = PlayContext()
    play_context.remote_addr = 'target'
    connection = connection_loader.get('svcfw', play_context, ansible_playbook_pid='1')
    connection.connect_client = connection.begin_client = mux.connect
    given = {'inventory_hostname': 'target', 'ansible_user': 'me', **variables}
    connection.set_options(var_options=given)
    connection._shell.set_options(var_options=given)
    return connection


def set_become(connection: Any, method: str = 'sudo', **variables: Any) -> Any:
    """As TaskExecutor does for each task and item: a new become plugin."""
    plugin = become_loader.get(method)
    connection.set_become_plugin(plugin)
    plugin.set_options(var_options=variables)
    return plugin


class Action(ActionBase):
    """ansible-core's own way to the connection."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        raise NotImplementedError


def make_action(connection: Any) -> Action:
    task = mock.MagicMock(async_val=0, environment=[])
    return Action(task, connection, connection._play_context, mock.MagicMock(), mock.MagicMock(), mock.MagicMock())


def no_python() -> StartError:
    """The start of a context that finds no Python."""
    return StartError('nopython', 'target', 'no Python 3.6 or later', 'install one')


def escalated(connection: Any, inner: str, executable: str = '/bin/sh') -> str:
    """A command as core has the become plugin of the connection wrap it."""
    command = connection.become.build_become_command(inner, connection._shell)
    return f'{executable} -c {shlex.quote(command)}' if executable else command
