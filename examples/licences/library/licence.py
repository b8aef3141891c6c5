#!/usr/bin/python
"""An ordinary module that asks the controller for a licence and fetches a file of it."""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.svcfw.svcfw.plugins.module_utils.services import Services


def main():
    module = AnsibleModule(
        argument_spec={'product': {'required': True}, 'artifact': {'required': True}, 'dest': {'required': True}}
    )
    with Services(module) as services:
        answer = services.call('licences.Licences', 'checkout', product=module.params['product'])
        services.fetch(module.params['artifact'], module.params['dest'])
    module.exit_json(changed=True, **answer)


if __name__ == '__main__':
    main()
