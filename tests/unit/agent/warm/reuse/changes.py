"""A program with one change to itself: `python -m tests.unit.agent.warm.reuse.changes NAME` prints what is found of it.

A new interpreter for each, of which no test and no plugin has changed anything.
"""

import atexit
import functools
import locale
import logging
import logging.handlers
import mmap
import os
import platform  # noqa: F401 - the snapshot knows of its caches
import resource
import signal
import socket
import subprocess
import sys
import syslog  # noqa: F401 - as of platform
import threading
import time
import types
import warnings
from collections.abc import Callable

from svcfw.agent.warm.reuse import kinds, snapshot


class Thing:
    """Stands for a class of module_utils."""

    value = [1]

    def method(self) -> int:
        return 1


@functools.lru_cache
def cached(text: str) -> str:
    return text + os.environ.get('SVCFW_TEST_VALUE', '')


STATE = {'a': [1, 2], 'b': {'c': 3}}
THING = Thing()


def as_module_utils() -> None:
    """What core's code would hold: a module below `ansible`."""
    module = types.ModuleType('ansible.module_utils.svcfw_test')
    vars(module).update(Thing=Thing, cached=cached, STATE=STATE, THING=THING, number=5)
    sys.modules[module.__name__] = module


def other_thread() -> threading.Thread:
    thread = threading.Thread(target=time.sleep, args=(100,), daemon=True)
    thread.start()
    return thread


def orphan() -> None:
    """A process whose parent has ended: nobody's child, but for what a snapshot arranges."""
    subprocess.run(['/bin/sh', '-c', 'sleep 100 > /dev/null 2>&1 < /dev/null &'], check=True)


def sleeping_child() -> subprocess.Popen[bytes]:
    return subprocess.Popen(['sleep', '100'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def lower_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (max(0, (soft if soft > 0 else 100_000) - 1), hard))


def stopped_alarm() -> None:
    signal.setitimer(signal.ITIMER_REAL, 1000)


def much_memory() -> mmap.mmap:
    size = snapshot.MAX_GROWTH_BYTES + (4 << 20)
    memory = mmap.mmap(-1, size)
    memory.write(b'x' * size)
    return memory


def module() -> types.ModuleType:
    return sys.modules['ansible.module_utils.svcfw_test']


CHANGES: dict[str, tuple[Callable[[], object], str]] = {
    'a thread': (other_thread, 'a thread'),
    'a child': (sleeping_child, 'a child'),
    'a child of a child that has ended': (orphan, 'a child'),
    'a descriptor': (lambda: os.open('/dev/null', os.O_RDONLY), 'a descriptor'),
    'a descriptor that leads elsewhere': (lambda: os.dup2(os.open('/', os.O_RDONLY), 0), 'a descriptor'),
    'the folder': (lambda: os.chdir('/usr'), 'the working directory'),
    'the umask': (lambda: os.umask(0o111), 'the umask'),
    'a signal handler': (lambda: signal.signal(signal.SIGUSR1, lambda number, frame: None), 'a signal'),
    'an ignored signal': (lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN), 'a signal'),
    'a blocked signal': (lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]), 'a signal'),
    'a timer': (stopped_alarm, 'a timer'),
    'a limit': (lower_limit, 'a limit'),
    'niceness': (lambda: os.nice(1), 'its priority'),
    'sys.path': (lambda: sys.path_hooks.append(Thing), 'a global'),
    'a meta path finder': (lambda: sys.meta_path.append(THING), 'a global'),
    'a function of the standard library': (lambda: setattr(os.path, 'join', len), 'a global'),
    'a global of the standard library': (lambda: setattr(os, 'sep', '|'), 'a global'),
    'a builtin': (lambda: setattr(__import__('builtins'), 'svcfw_test', 1), 'a global'),
    'a function of module_utils': (lambda: setattr(module(), 'cached', len), 'a global'),
    'a number in module_utils': (lambda: setattr(module(), 'number', 6), 'a global'),
    'a list in a dict in module_utils': (lambda: STATE['a'].append(3), 'a global'),  # type: ignore[attr-defined]
    'a dict in a dict in module_utils': (lambda: STATE['b'].update(c=4), 'a global'),  # type: ignore[attr-defined]
    'a method of a class in module_utils': (lambda: setattr(Thing, 'method', len), 'a global'),
    'a list of a class in module_utils': (lambda: Thing.value.append(2), 'a global'),
    'an object in module_utils': (lambda: setattr(THING, 'more', 1), 'a global'),
    'an import': (lambda: sys.modules.update(svcfw_test_import=module()), 'an import'),
    'a module in the place of another': (lambda: sys.modules.update(json=module()), 'an import'),
    'a filter of warnings': (lambda: warnings.simplefilter('error'), 'a global'),
    'a handler of logs': (lambda: logging.root.addHandler(logging.NullHandler()), 'a logger'),
    'the level of logs': (lambda: logging.root.setLevel(1), 'a logger'),
    'a logger': (lambda: logging.getLogger('svcfw_test_logger'), 'a logger'),
    'the time-out of sockets': (lambda: socket.setdefaulttimeout(7), 'a global'),
    'an exit function': (lambda: atexit.register(print), 'exit functions'),
    'a tracer': (lambda: sys.setprofile(lambda *args: None), 'tracing'),
    'the depth of recursion': (lambda: sys.setrecursionlimit(1234), 'tracing'),
    'memory': (much_memory, 'its memory'),
}


def set_zone() -> None:
    os.environ['TZ'] = 'Asia/Tokyo'
    time.tzset()


PUT_BACK: dict[str, Callable[[], object]] = {
    'nothing': lambda: None,
    'a program that has run': lambda: subprocess.run(['true'], check=True),
    'arguments': lambda: sys.argv.append('x'),
    'the entry of a payload': lambda: sys.path.insert(0, '/dev/null'),
    'a variable': lambda: os.environ.update(SVCFW_TEST_VALUE='x'),
    'a variable that is gone': lambda: os.environ.pop('PATH', None),
    'the locale': lambda: locale.setlocale(locale.LC_ALL, 'C.UTF-8'),
    'the time zone': set_zone,
    'the open log': lambda: __import__('syslog').openlog('x'),
    'the hook for exceptions': lambda: setattr(sys, 'excepthook', print),
    'the limit of descriptors': lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, (100, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    ),
    'a name of the host': lambda: __import__('platform').node(),
    'a list made anew': lambda: setattr(module(), 'STATE', {'a': [1, 2], 'b': {'c': 3}}),
}


class Rude:
    """Cannot be compared."""

    def __eq__(self, other: object) -> bool:
        raise ValueError

    __hash__ = None  # type: ignore[assignment]


CHANGES['what cannot be compared'] = (lambda: STATE.update(a=Rude()), 'a global')  # type: ignore[arg-type]
ACCOUNTS: dict[str, Callable[[], object]] = {
    'groups': lambda: os.setgroups([5]),
    'a group': lambda: os.setresgid(5, 5, 0),
    'a user': lambda: os.setresuid(5, 5, 0),
}


def found_after(change: Callable[[], object]) -> tuple[str, str]:
    """The kind of the difference that `change` makes ('' for none), and more of it, as a worker looks for it."""
    given = snapshot.Given()
    taken = snapshot.Snapshot()
    kept = change()
    if not snapshot.has_one_thread():
        return 'a thread', ''
    given.restore()
    kind, more = taken.difference()
    del kept
    return kinds.KINDS[kind], more


def after_a_cached_value() -> tuple[str, str]:
    """('', what a cached function answers after a run in which it answered something else)."""
    taken = snapshot.Snapshot()
    os.environ['SVCFW_TEST_VALUE'] = '1'
    cached('x')
    os.environ['SVCFW_TEST_VALUE'] = '2'
    before = cached('x')
    taken.difference()
    return before, cached('x')


def main(name: str) -> None:
    as_module_utils()
    every = {**{key: change for key, (change, _) in CHANGES.items()}, **PUT_BACK, **ACCOUNTS}
    print('|'.join(after_a_cached_value() if name == 'a cached value' else found_after(every[name])))
    sys.stdout.flush()
    os._exit(0)


if __name__ == '__main__':
    main(sys.argv[1])
