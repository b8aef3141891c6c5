from __future__ import annotations

DOCUMENTATION = """
name: template
short_description: template files out to remote locations
version_added: 0.1.0
author: svcfw contributors
description:
  - The action of M(ansible.builtin.template), which asks for less where the connection is
    P(svcfw.svcfw.svcfw#connection). What it does is done by the stock action, and by the action C(copy) to which that
    hands the file.
  - C(svcfw enable) puts it in the place of C(template) for all connections of the user. Those that are not
    P(svcfw.svcfw.svcfw#connection) are left to the stock action without a further look.
seealso:
  - module: ansible.builtin.template
"""

import sys  # noqa: E402
from importlib.util import module_from_spec, spec_from_file_location  # noqa: E402

from ansible.plugins import action  # noqa: E402

# It goes by the name of stock's module here, which therefore cannot be imported.
spec = spec_from_file_location('svcfw_stock_template', f'{action.__path__[0]}/template.py')
stock = module_from_spec(spec)
spec.loader.exec_module(stock)


class ActionModule(stock.ActionModule):
    """One `template` task on one host."""

    def _make_tmp_path(self, *args, **kwargs):
        """As the stock action, which calls it before it hands the file to `copy`."""
        ours = sys.modules.get('svcfw.ansible.connection')  # a connection of ours has loaded it
        if ours is not None and isinstance(self._connection, ours.Connection) and self._connection.uses_context():
            # If that home is another one by now, `copy` begins anew.
            with self._connection.with_known_home():
                return super()._make_tmp_path(*args, **kwargs)
        return super()._make_tmp_path(*args, **kwargs)
