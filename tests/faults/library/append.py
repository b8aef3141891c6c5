#!/usr/bin/python
"""Appends one line to a file: what tells how often a task ran."""

import os

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(argument_spec={'path': {'type': 'str'}, 'line': {'type': 'str'}})
    try:
        fd = os.open(module.params['path'], os.O_WRONLY | os.O_APPEND)
        os.write(fd, (module.params['line'] + '\n').encode())
        os.close(fd)
    except OSError as e:
        module.fail_json(msg=str(e))
    module.exit_json(changed=True)


main()
