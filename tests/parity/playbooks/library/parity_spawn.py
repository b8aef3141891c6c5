#!/usr/bin/python
"""Starts processes that import the module anew."""

import multiprocessing

from ansible.module_utils.basic import AnsibleModule


def square(number):
    return number * number


def main():
    module = AnsibleModule(argument_spec={'method': {'type': 'str', 'required': True}})
    context = multiprocessing.get_context(module.params['method'])
    with context.Pool(2) as pool:
        squares = pool.map(square, [1, 2, 3])
    module.exit_json(changed=False, squares=squares)


if __name__ == '__main__':
    main()
