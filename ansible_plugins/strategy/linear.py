from __future__ import annotations

DOCUMENTATION = """
name: linear
short_description: tasks in lockstep, through svcfw
version_added: 0.1.0
author: svcfw contributors
description:
  - What P(ansible.builtin.linear#strategy) does, by its own code. Hosts whose connection is C(ssh), C(smart) or
    C(paramiko) are reached by P(svcfw.svcfw.svcfw#connection), delegated ones too, with no change of an inventory.
    Other connections stay what they are.
  - The login of a host begins when its first task is queued, and with it that of the host that is as many places
    further on in the batch as there are forks. A host that cannot be reached is an error of its first task.
notes:
  - From 2.19 on ansible-core warns of each strategy plugin that is not its own. The connection plugin alone gives
    nearly all of the speed; where a release of core has no room for this plugin, set C(ansible_connection) and
    use core's strategy.
seealso:
  - plugin: ansible.builtin.linear
    plugin_type: strategy
  - plugin: svcfw.svcfw.svcfw
    plugin_type: connection
"""

from ansible.plugins.strategy import linear as core  # noqa: E402

from svcfw.ansible.strategy.through import Through  # noqa: E402


class StrategyModule(Through, core.StrategyModule):  # type: ignore[misc, name-defined]
    like = 'linear'
