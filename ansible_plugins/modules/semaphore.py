#!/usr/bin/python
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = """
module: semaphore
short_description: let no more than some hosts at a time do what follows
version_added: 0.1.0
author: svcfw contributors
description:
  - A host that holds a slot of a semaphore keeps it until it releases it, over tasks, blocks and plays. No more hosts
    than there are O(slots) hold one at any time; others wait, in the order in which they have asked.
  - A semaphore is known by its O(name) in the whole run, in all its plays, and ends with it, however the run ends.
  - A host that waits keeps one of the run's forks. So that others can get on and release theirs, the play needs
    C(strategy=host_pinned), or C(strategy=free) and more forks than hosts that wait.
  - With C(strategy=linear) a host that would have to wait fails at once. There those who hold the slots are not taken
    on to the task that releases them before all hosts have ended this one, which no module can change. C(serial), with
    as many hosts as there are slots, does what is wanted there, without this module.
  - A host that fails with a slot in its hands keeps it until the run ends, unless the playbook releases it in C(always)
    of a block, which is the way to use it. A host that has become unreachable is not taken through C(always). With
    P(svcfw.svcfw.services#callback) among C(callbacks_enabled) it loses its slot as soon as it is out of the run.
  - The task is not I(changed), since nothing is on the host.
options:
  name:
    description: Any text.
    type: str
    required: true
  slots:
    description: How many hosts may hold it at the same time. The same wherever it is asked for.
    type: int
    default: 1
  state:
    description:
      - C(held) waits for a slot. A host that has one needs no other.
      - C(released) gives it back; a host that has none is left as it is.
    type: str
    choices: [held, released]
    default: held
  timeout:
    description: How many seconds to wait for a slot before the task fails. C(0) does not wait.
    type: float
    default: 600
attributes:
  check_mode:
    support: full
    description: Nothing is held and nobody waits, as nothing is done that it could be about.
  async:
    support: none
requirements:
  - the connection P(svcfw.svcfw.svcfw#connection), and Python 3.6 or later on the host
"""

EXAMPLES = """
- hosts: web
  strategy: host_pinned
  tasks:
    - block:
        - name: Wait until fewer than two others restart
          svcfw.svcfw.semaphore:
            name: restarts
            slots: 2
        - name: Restart
          ansible.builtin.service:
            name: app
            state: restarted
      always:
        - name: Let others restart
          svcfw.svcfw.semaphore:
            name: restarts
            state: released
"""

RETURN = """
waited:
  description: Seconds until it was held.
  type: float
  returned: with O(state=held)
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.svcfw.svcfw.plugins.module_utils.services import Services

_SERVICE = 'svcfw.ansible.services.ready.semaphores.Semaphores'


def main():
    module = AnsibleModule(
        argument_spec=dict(
            name=dict(type='str', required=True),
            slots=dict(type='int', default=1),
            state=dict(type='str', choices=['held', 'released'], default='held'),
            timeout=dict(type='float', default=600),
            # Of the action: how what the task says is named for the service.
            _key=dict(type='str', no_log=False),
        ),
        supports_check_mode=True,
    )
    is_held = module.params['state'] == 'held'
    began = time.time()
    if not module.check_mode:
        with Services(module) as services:
            ask(module, services, 'hold' if is_held else 'release')
    module.exit_json(changed=False, **(dict(waited=time.time() - began) if is_held else {}))


def ask(module, services, method):
    try:
        services.call(_SERVICE, method, key=module.params['_key'])
    except Exception as e:
        if getattr(e, 'typename', '').endswith('SemaphoreError'):
            module.fail_json(msg=e.message)
        raise


if __name__ == '__main__':
    main()
