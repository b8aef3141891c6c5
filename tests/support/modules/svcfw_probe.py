#!/usr/bin/python
# ruff: noqa: RUF005, SIM115 - for Python 3.6, and untidy on purpose
"""A module that tells what process it is in: compared between a cold run and a warm one."""

import json
import os
import signal
import sys

from ansible.module_utils.basic import AnsibleModule


def stream(f):
    return [f.encoding, f.errors, f.line_buffering, f.name, f.mode, f.isatty(), str(f.newlines)]


def signals():
    names = {signal.SIG_DFL: 'default', signal.SIG_IGN: 'ignored', signal.default_int_handler: 'int', None: 'other'}
    return {str(int(n)): names.get(signal.getsignal(n), 'python') for n in range(1, signal.NSIG) if n not in (32, 33)}


def status(*fields):
    with open('/proc/self/status') as f:
        lines = dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)
    return {name: lines.get(name) for name in fields}


def main():
    module = AnsibleModule(argument_spec={'names': {'type': 'list', 'default': []}})
    import locale
    import resource
    import tempfile
    import time

    mask = os.umask(0)
    os.umask(mask)
    facts = {
        'argv': [os.path.basename(sys.argv[0])] + sys.argv[1:],
        'main': [
            __name__,
            os.path.basename(__file__),
            __package__,
            __spec__.name,
            sorted(n for n in globals() if n[:1] == '_'),
        ],
        'executable': sys.executable,
        'orig_argv': getattr(sys, 'orig_argv', None),
        'flags': str(sys.flags),
        'path': sys.path[1:],
        'first_path': os.path.basename(sys.path[0]),
        'stdin': stream(sys.stdin),
        'stdout': stream(sys.stdout),
        'stderr': stream(sys.stderr),
        'same': [sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__],
        'read': sys.stdin.read(),
        'fs': [sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()],
        'locale': [locale.getpreferredencoding(), locale.setlocale(locale.LC_CTYPE), open(os.devnull).encoding],
        'cwd': os.getcwd(),
        'umask': mask,
        'nofile': resource.getrlimit(resource.RLIMIT_NOFILE),
        'signals': signals(),
        'child_status': [],
        'status': status('SigBlk', 'SigIgn', 'SigCgt', 'Uid', 'Gid', 'Groups', 'CapEff', 'NoNewPrivs'),
        'fds': sorted(int(n) for n in os.listdir('/proc/self/fd') if n not in ('0', '1', '2'))[1:],
        'env': {k: v for k, v in os.environ.items() if k not in ('_', 'SHLVL')},
        'tempdir': tempfile.gettempdir(),
        'zone': [time.tzname[0], time.timezone],
        'threads': len(os.listdir('/proc/self/task')),
        'gc': __import__('gc').isenabled(),
        'hooks': [sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__],
        'finders': [str(f) for f in sys.meta_path if 'svcfw' not in type(f).__module__],
        'leader': os.getsid(0) == os.getpid() or 'not',
        'importable': {},
    }
    for name in module.params['names']:
        try:
            __import__(name)
            facts['importable'][name] = True
        except ImportError as exc:
            facts['importable'][name] = str(exc)
    print(json.dumps({'facts': facts}, sort_keys=True))
    sys.exit(0)


if __name__ == '__main__':
    main()
