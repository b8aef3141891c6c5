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
seealso:
  - module: ansible.builtin.copy
"""

# On this path the file stands for `copy` in every run of this user, also of an installation without svcfw; and it goes
# by the name of stock's module, which therefore cannot be imported.
try:
    from svcfw.ansible.copy import ActionModule
except Exception:
    from importlib.util import module_from_spec, spec_from_file_location

    from ansible.plugins import action

    spec = spec_from_file_location('svcfw_stock_copy', f'{action.__path__[0]}/copy.py')
    stock = module_from_spec(spec)
    spec.loader.exec_module(stock)
    ActionModule = stock.ActionModule
