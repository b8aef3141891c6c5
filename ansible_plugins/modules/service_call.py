#!/usr/bin/python
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = """
module: service_call
short_description: call a service of the controller
version_added: 0.1.0
author: svcfw contributors
description:
  - Calls a method of a service, an object on the controller that lives as long as the run and that all hosts share.
  - The host calls it, over its own connection, and the service is told which host that is. So the service has to be in
    C(ansible_svcfw_services) for the task, as for any module; see P(svcfw.svcfw.svcfw#connection).
  - The task is not I(changed), since nothing is on the host. Where a call is to count as a change, say so with
    C(changed_when).
options:
  service:
    description: Its name, C(module.Class).
    type: str
    required: true
  method:
    description: Which of its methods.
    type: str
    required: true
  arguments:
    description: Arguments of the method, by their names.
    type: dict
    default: {}
  timeout:
    description: How many seconds to wait for the answer. Without it, as long as it takes.
    type: float
attributes:
  check_mode:
    support: none
    description: The task is skipped, since only the service knows what a call does. C(check_mode=false) calls it.
requirements:
  - the connection P(svcfw.svcfw.svcfw#connection), and Python 3.6 or later on the host
"""

EXAMPLES = """
- name: Take a licence
  svcfw.svcfw.service_call:
    service: licences.Licences
    method: checkout
    arguments:
      product: editor
  vars:
    ansible_svcfw_services: [licences.Licences]
  register: licence

- name: Use what the service has returned
  ansible.builtin.debug:
    msg: "{{ licence.result.key }}"
"""

RETURN = """
result:
  description:
    - What the method returned. Tuples and sets are lists here, bytes are text if they are UTF-8, and keys are text.
  type: raw
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.svcfw.svcfw.plugins.module_utils.services import Services


def main():
    module = AnsibleModule(
        argument_spec=dict(
            service=dict(type='str', required=True),
            method=dict(type='str', required=True),
            arguments=dict(type='dict', default={}),
            timeout=dict(type='float'),
        ),
        supports_check_mode=True,
    )
    params = module.params
    about = '%s.%s' % (params['service'], params['method'])
    if module.check_mode:
        module.exit_json(changed=False, skipped=True, msg='%s is not called in check mode' % about)
    with Services(module) as services:
        result = services.call(params['service'], params['method'], params['timeout'], **arguments(module))
    try:
        module.exit_json(changed=False, result=plain(result))
    except ValueError as e:
        module.fail_json(msg='%s was carried out, but its result cannot be shown: %s' % (about, e))


def arguments(module):
    """Those of the method. The names of what `call` takes itself would be taken for its own."""
    for name in ('self', 'service_name', 'method_name', 'timeout'):
        if name in module.params['arguments']:
            module.fail_json(msg='arguments: a method with an argument `%s` cannot be called in this way' % name)
    return module.params['arguments']


def plain(value):
    """`value` as JSON can have it. ValueError for what it cannot have."""
    if isinstance(value, dict):
        named = dict((_key(key), plain(each)) for key, each in value.items())
        if len(named) < len(value):
            raise ValueError('two keys of a dict are the same as text')
        return named
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(each) for each in value), key=repr)
    if isinstance(value, bytes):
        return value.decode()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError('a %s' % type(value).__name__)


def _key(key):
    return plain(key) if isinstance(key, (str, bytes)) else str(key)


if __name__ == '__main__':
    main()
