#!/usr/bin/python
"""A module that computes in processes of its own, which have to import it."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from ansible.module_utils.basic import AnsibleModule


def square(number):
    return number * number


def main():
    module = AnsibleModule(argument_spec={'method': {}, 'kind': {}})
    context = multiprocessing.get_context(module.params['method'])
    if module.params['kind'] == 'pool':
        with context.Pool(2) as pool:
            result = pool.map(square, range(5))
    elif module.params['kind'] == 'queue':
        queue = context.Queue()
        process = context.Process(target=queue.put, args=(sys.version_info[0],))
        process.start()
        result = queue.get()
        process.join()
    else:
        arguments = {'mp_context': context} if sys.version_info >= (3, 7) else {}
        with ProcessPoolExecutor(2, **arguments) as executor:
            result = list(executor.map(square, range(5)))
    module.exit_json(result=result)


if __name__ == '__main__':
    main()
