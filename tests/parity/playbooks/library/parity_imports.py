#!/usr/bin/python
"""Whether a module can be imported, and what it says."""

import importlib

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(argument_spec={'name': {'type': 'str', 'required': True}})
    try:
        module.exit_json(changed=False, word=importlib.import_module(module.params['name']).WORD)
    except ImportError as exc:
        module.fail_json(msg=str(exc))


if __name__ == '__main__':
    main()
