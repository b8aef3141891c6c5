#!/usr/bin/python
"""A module of the new style that uses what modules use."""

from __future__ import annotations

import os
import sys

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.parity_helper import helped


def main():
    module = AnsibleModule(
        argument_spec={
            'word': {'type': 'str', 'default': 'none'},
            'number': {'type': 'int'},
            'secret': {'type': 'str', 'no_log': True},
            'choice': {'choices': ['a', 'b']},
            'path': {'type': 'path'},
            'old': {'type': 'str', 'removed_in_version': '99.0', 'removed_from_collection': 'ansible.builtin'},
            'sub': {'type': 'dict', 'options': {'x': {'type': 'int', 'required': True}}},
            'do': {'type': 'str', 'default': 'exit'},
        },
        supports_check_mode=True,
        mutually_exclusive=[['number', 'choice']],
    )
    do = module.params['do']
    result = {
        'helped': helped(module.params['word']),
        'argv': [os.path.basename(word) for word in sys.argv[1:]],
        'check': module.check_mode,
        'main': __name__,
        'executable': os.path.basename(os.path.realpath(sys.executable)),
        'umask': oct(os.umask(0o22)),
        'path': module.params['path'],
        'secret_is': module.params['secret'],
        'cwd': os.getcwd(),
        'isatty': [os.isatty(0), os.isatty(1), os.isatty(2)],
    }
    if do == 'exit':
        module.warn('a warning')
        module.deprecate('a deprecation', version='99.0', collection_name='ansible.builtin')
        module.exit_json(changed=True, **result)
    if do == 'fail':
        module.fail_json(msg='it failed', **result)
    if do == 'raise':
        raise ValueError('raised: ünï')
    if do == 'raise-base':
        raise KeyboardInterrupt
    if do == 'print':
        print('words before')
        print('{"changed": false, "printed": 1}')
        print('words after')
        sys.exit(0)
    if do == 'stderr':
        sys.stderr.write('to stderr\n')
        module.exit_json(**result)
    if do == 'nothing':
        sys.exit(0)
    if do == 'status':
        print('{"changed": false}')
        sys.exit(5)
    if do == 'os-exit':
        print('{"changed": false, "flushed": true}')
        sys.stdout.flush()
        os._exit(3)
    if do == 'signal':
        os.kill(os.getpid(), 9)
    if do == 'exit-text':
        sys.exit('a text')
    if do == 'recursion':
        main_again = lambda depth: main_again(depth + 1)  # noqa: E731
        main_again(0)
    if do == 'run':
        rc, out, err = module.run_command('echo $0; cat; exit 3', use_unsafe_shell=True, data='stdin')
        module.exit_json(rc=rc, out=out, err=err)
    if do == 'fork':
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        module.exit_json(**result)
    if do == 'thread':
        import threading

        seen = []
        thread = threading.Thread(target=lambda: seen.append(threading.current_thread().name != 'MainThread'))
        thread.start()
        thread.join()
        module.exit_json(seen=seen, count=threading.active_count())
    if do == 'logs':
        import logging
        import syslog

        logging.getLogger('parity').warning('logged')
        syslog.syslog('parity')
        module.log('a log')
        module.exit_json(**result)
    if do == 'atexit':
        import atexit

        atexit.register(lambda: sys.stderr.write('at the end\n'))
        module.exit_json(**result)
    if do == 'big':
        module.exit_json(big='x' * 3000000)
    if do == 'tmp':
        path = os.path.join(module.tmpdir, 'parity')
        open(path, 'w').close()
        module.exit_json(is_there=os.path.exists(path), mode=oct(os.stat(module.tmpdir).st_mode))
    if do == 'env':
        os.environ['PARITY_LEFT'] = 'left by a task'
        os.chdir('/usr')
        sys.path.insert(0, '/nowhere')
        sys.modules['json'].parity_left = True
        os.umask(0o77)
        import resource
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        module.exit_json(changed=False)
    if do == 'env-after':
        import json

        left = [os.environ.get('PARITY_LEFT'), '/nowhere' in sys.path, hasattr(json, 'parity_left')]
        module.exit_json(left=left, **result)
    if do == 'spawn':
        import multiprocessing

        context = multiprocessing.get_context('spawn')
        with context.Pool(2) as pool:
            module.exit_json(squares=pool.map(abs, [-1, -2, -3]))
    if do == 'fork-pool':
        import concurrent.futures
        import multiprocessing

        context = multiprocessing.get_context('fork')
        with concurrent.futures.ProcessPoolExecutor(2, context) as pool:
            module.exit_json(squares=list(pool.map(abs, [-1, -2, -3])))
    module.fail_json(msg='unknown: ' + do)


if __name__ == '__main__':
    main()
