from __future__ import annotations

DOCUMENTATION = """
name: services
type: aggregate
short_description: tell what services of the playbook did
version_added: 0.1.0
author: svcfw contributors
description:
  - With C(-v), one line at the end of the run for each method of a service that modules called; see
    P(svcfw.svcfw.svcfw#connection) for services.
  - Whatever services have said since the last task ended is shown, too, with or without C(-v).
requirements:
  - enabling it, by C(callbacks_enabled = svcfw.svcfw.services)
"""

from svcfw.ansible.services.summary import CallbackModule  # noqa: E402, F401
