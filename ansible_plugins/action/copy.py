from __future__ import annotations

DOCUMENTATION = """
name: copy
short_description: copy files to remote locations
version_added: 0.1.0
author: svcfw contributors
description:
  - The action of M(ansible.builtin.copy), which copies a folder in a few steps instead of several for each file where
    the connection is P(svcfw.svcfw.svcfw#connection) and the result is the same.
  - Everything else is done by the stock action. With C(-vv) a line tells why.
  - C(svcfw enable) puts it in the place of C(copy) for all connections of the user. Those that are not
    P(svcfw.svcfw.svcfw#connection) are left to the stock action without a further look, and nothing of svcfw is loaded
    for them.
seealso:
  - module: ansible.builtin.copy
"""

import sys  # noqa: E402
from importlib.util import module_from_spec, spec_from_file_location  # noqa: E402

from ansible.plugins import action  # noqa: E402
from ansible.utils.display import Display  # noqa: E402

# On this path the file stands for `copy` in every run of this user, also of an installation without svcfw; and it goes
# by the name of stock's module, which therefore cannot be imported.
spec = spec_from_file_location('svcfw_stock_copy', f'{action.__path__[0]}/copy.py')
stock = module_from_spec(spec)
spec.loader.exec_module(stock)


class ActionModule(stock.ActionModule):
    """One `copy` task on one host."""

    def run(self, tmp=None, task_vars=None):
        """As the stock action."""
        ours = sys.modules.get('svcfw.ansible.connection')  # a connection of ours has loaded it
        if ours is not None and isinstance(self._connection, ours.Connection):
            try:
                from svcfw.ansible import copy
            except Exception as exc:  # a core that is not as we know it
                Display().v(f'svcfw: fast path off, copy of folders: {exc}')
            else:
                self.__class__ = copy.ActionModule
                return self.run(tmp, task_vars)
        return super().run(tmp, task_vars)
