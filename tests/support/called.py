"""Functions that tests call in other contexts: sent there as source, and run by Python 3.6 too."""

import importlib
import logging
import os
import signal
import sys
import threading
import warnings

from svcfw.core.dispatch import takes_router
from svcfw.transport import connect
from svcfw.transport.spec import Spec
from svcfw.transport.start import start_and_wait


def echo(*args, **kwargs):
    return args, kwargs


def add(a, b=1):
    return a + b


def version():
    return tuple(sys.version_info[:2])


def pid():
    return os.getpid()


@takes_router
def own_name(router):
    return router.name


def fail(message='it failed', times=1):
    raise ValueError(message * times)


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError('no text')


def fail_without_text():
    raise Unprintable()


def leave(status):
    sys.exit(status)


def unsendable():
    return {'inside': [object()]}


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def big(n_bytes):
    return bytes(n_bytes)


def is_main_thread():
    return threading.current_thread() is threading.main_thread()


def say(text):
    print(text)
    return sys.stdin.read()


def complain(text):
    sys.stderr.write(text + '\n')


def log(name, level, text):
    logging.getLogger(name).log(level, text)
    logging.getLogger(name).debug('not wanted')


def warn(text):
    warnings.warn(text)  # noqa: B028


def log_much(count, size):
    for _ in range(count):
        logging.getLogger('much').warning('x' * size)
    return 'done'


def kill_myself():
    os.kill(os.getpid(), signal.SIGKILL)


def stop_myself():
    os.kill(os.getpid(), signal.SIGSTOP)


def hang(sender=None):
    """Until the process ends."""
    if sender is not None:
        sender.send(os.getpid())
    threading.Event().wait()


def spin(sender):
    sender.send(os.getpid())
    while True:
        pass


def leave_a_thread():
    threading.Thread(target=threading.Event().wait).start()
    return os.getpid()


def call_back(sender, value):
    sender.send(value)
    sender.close()


def fds():
    return sorted(int(name) for name in os.listdir('/proc/self/fd'))


class Base:
    name = 'base'

    @classmethod
    def which(cls):
        return cls.name

    @staticmethod
    def doubled(x):
        return 2 * x

    class Inner:
        @classmethod
        def which(cls):
            return 'inner'

    def method(self):
        return 'needs an instance'


class Derived(Base):
    name = 'derived'


def import_junk(count):
    """Ask for modules that are nowhere."""
    for i in range(count):
        try:
            importlib.import_module(f'svcfw_junk{i}')
        except ImportError:
            pass


def import_module(name):
    importlib.import_module(name)


def file_of(name):
    return importlib.import_module(name).__file__


def say_without_newline(text):
    sys.stdout.write(text)
    sys.stdout.flush()


@takes_router
def start_and_keep_grandchild(python, router):
    """Start a child of this context; its id and pid."""
    spec = Spec(transport='local', host='grandchild', python=python)
    context = start_and_wait(router, 'grandchild', connect.launcher(spec), 20)
    return context.id, context.call(pid)


@takes_router
def start_grandchild(python, router):
    return start_and_keep_grandchild(python, router)[1]
