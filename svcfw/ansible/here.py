"""What the stock `local` connection is to ansible-core, for a connection of ours that stays on this machine too."""

import getpass
from typing import Any

from ansible.plugins.loader import connection_loader


def account() -> str:
    """The account that runs the play, whatever the inventory says; '' if it has no name. Read as the stock one does."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return ''


class Given:
    """What ansible-core made a connection of ours with, and what it set its options from."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._args = args
        self._kwargs = kwargs
        self._variables: Any = None
        self._templar: Any = None
        self._options: dict[str, Any] = {}

    def variables(self, variables: Any, templar: Any) -> None:
        """All of the task's, and what resolves them; never called by ansible-core up to 2.16."""
        self._variables, self._templar = variables, templar

    def options(self, **sources: Any) -> None:
        """The arguments of `set_options`."""
        self._options = sources

    def stock_local(self, become: Any, folder: Any) -> Any:
        """The stock `local` connection, made and set up as ours was, with its become plugin and folder, if any."""
        connection = connection_loader.get('ansible.builtin.local', *self._args, **self._kwargs)
        sources = dict(self._options)
        if self._templar is not None:
            sources['var_options'] = connection._resolve_option_variables(self._variables, self._templar)
        connection.set_options(**sources)
        connection.set_become_plugin(become)
        connection.cwd = folder
        return connection
