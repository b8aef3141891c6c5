#!/usr/bin/python
# ruff: noqa: B904, F401, SIM115, UP004 - for Python 3.6, and untidy on purpose
"""A module that ends in the way it is told to: what an interpreter does at its end is compared, cold and warm."""

import atexit
import os
import signal
import sys
import tempfile
import threading

from ansible.module_utils.basic import AnsibleModule

KEPT = []


class Cycle(object):
    def __init__(self, thing):
        self.thing = thing
        self.me = self


def note(path, text):
    with open(path, 'a') as f:
        f.write(text + '\n')


def late(path, done):
    done.wait(0.2)
    note(path, 'thread')
    print('from a thread')


def end(how, path):
    if how == 'raise':
        raise ValueError('h\u00e9 \udcff')
    if how == 'raise_group':
        try:
            raise KeyError('inner')
        except KeyError:
            raise RuntimeError('outer')
    if how == 'return':
        return
    if how == 'exit_text':
        sys.exit('text h\u00e9 \udcff')
    if how == 'exit_none':
        sys.exit()
    if how == 'exit_big':
        sys.exit(1 << 70)
    if how == 'exit_300':
        sys.exit(300)
    if how == 'exit_negative':
        sys.exit(-1)
    if how == 'exit_true':
        sys.exit(True)
    if how == 'exit_tuple':
        sys.exit((1, 2))
    if how == 'interrupt':
        raise KeyboardInterrupt('by hand')
    if how == 'signal':
        print('flushed', flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    if how == 'term':
        os.kill(os.getpid(), signal.SIGTERM)
    if how == 'abort':
        os.abort()
    if how == '_exit':
        print('never seen')
        os._exit(7)
    if how == 'thread':
        threading.Thread(target=late, args=(path, threading.Event())).start()
        atexit.register(note, path, 'atexit')
        sys.exit(4)
    if how == 'daemon_thread':
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        sys.exit(5)
    if how == 'atexit_fails':
        atexit.register(note, path, 'first')
        atexit.register(lambda: 1 / 0)
        sys.exit(6)
    if how == 'open_file':
        KEPT.append(open(path, 'w'))
        KEPT[0].write('left open')
        sys.exit(0)
    if how == 'open_in_cycle':
        f = Cycle(open(path, 'w'))
        f.thing.write('left open')
        sys.exit(0)
    if how == 'temporary':
        KEPT.append(tempfile.NamedTemporaryFile(prefix='svcfw-left-'))
        KEPT.append(tempfile.mkdtemp)
        KEPT.append(tempfile.TemporaryDirectory(prefix='svcfw-left-'))
        note(path, KEPT[0].name + ' ' + KEPT[2].name)
        sys.exit(0)
    if how == 'bytes':
        print('caf\udce9 h\u00e9')
        sys.stderr.write('caf\udce9 h\u00e9')
        sys.exit(0)
    if how == 'big':
        sys.stdout.write('x' * 3000000)
        sys.stderr.write('y' * 1000000)
        sys.exit(0)
    if how == 'stdout_closed':
        print('unseen')
        os.close(1)
        sys.exit(0)
    if how == 'import_error':
        import ansible.module_utils.no_such_thing
    if how == 'fork':
        if os.fork() == 0:
            print('child')
            sys.exit(9)
        os.wait()
        print('parent')
        sys.exit(0)
    raise AssertionError(how)


def main():
    module = AnsibleModule(argument_spec={'how': {}, 'path': {}})
    end(module.params['how'], module.params['path'])


if __name__ == '__main__':
    main()
