#!/usr/bin/python
"""Calls a service so many times, and says how long the first call and each other one took, in milliseconds."""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.svcfw.svcfw.plugins.module_utils.services import Services


def main():
    module = AnsibleModule(argument_spec={'calls': {'type': 'int', 'default': 0}})
    spent = []
    with Services(module) as services:
        for _ in range(module.params['calls']):
            began = time.time()
            services.call('counter.Counter', 'add')
            spent.append(1000 * (time.time() - began))
    module.exit_json(changed=False, spent=spent)


if __name__ == '__main__':
    main()
