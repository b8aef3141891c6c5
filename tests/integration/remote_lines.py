"""Functions and services that test_lines.py has in real children, and in the program itself. Python 3.6."""

import importlib
import logging
import threading
import time

import svcfw
import svcfw.service
from svcfw.core.dispatch import takes_router
from svcfw.service import AllowAny, DeduplicatingInvoker, Results, Service, expose


class Late(Service):
    @expose(policy=AllowAny())
    def sleep(self, seconds):
        time.sleep(seconds)
        return 'late'


class Limited(Service):
    """Its limit is what was set last."""

    limit = None

    def max_running_now(self):
        if Limited.limit == 'raises':
            raise RuntimeError('no limit today')
        if Limited.limit == 'asks':
            return len(self.router.services.stats()) and 5
        return Limited.limit

    @expose(policy=AllowAny())
    def add(self, a, b):
        return a + b


class _OwnLimit(svcfw.service.Invoker):
    def max_running(self):
        return self.service.max_running_now()


Limited.invoker_class = _OwnLimit


class Stale(Service):
    invoker_class = DeduplicatingInvoker
    results = Results()

    def __init__(self, router):
        super().__init__(router)
        self.go = threading.Event()
        self.value = 'old'

    @expose(policy=AllowAny())
    def read(self, sender):
        value = self.value
        if value == 'old':
            sender.send('reading')
            self.go.wait(60)
        return value


class Control(Service):
    """Beside the others, in whose pool it is."""

    @expose(policy=AllowAny())
    def limit(self, limit):
        Limited.limit = limit

    @expose(policy=AllowAny())
    def change(self):
        stale = self.router.services.get_service(Stale.name())
        stale.value = 'new'
        stale.invoker.forget('read')
        stale.go.set()


class Various(Service):
    @staticmethod
    @expose(policy=AllowAny())
    def double(number):
        return 2 * number

    @expose(policy=AllowAny())
    def fails_at_length(self, mib):
        raise ValueError('x' * (mib * 1024 * 1024))

    @expose(policy=AllowAny())
    def fails_with(self, name):
        raise named(name)

    def hidden(self):
        return 'seen'


class Forgetful(Service):
    def __init__(self, router):  # and no super().__init__
        pass

    @expose(policy=AllowAny())
    def hello(self):
        return 'hello'


def named(name):
    if name == 'asyncio.CancelledError':
        import asyncio

        return asyncio.CancelledError()
    return {'KeyboardInterrupt': KeyboardInterrupt, 'GeneratorExit': GeneratorExit, 'SystemExit': SystemExit}[name]()


def fails_with(name):
    raise named(name)


def fails_at_length(mib):
    raise ValueError('x' * (mib * 1024 * 1024))


def add(a, b):
    return a + b


def wait(seconds):
    time.sleep(seconds)
    return 'late'


def main_thread_is_known():
    """Whether `threading` knows which is the main one, on which functions run."""
    return threading.current_thread() is threading.main_thread()


def import_by_name(name):
    return importlib.import_module(name).__name__


def log_secret():
    logging.getLogger('till').warning('the password is %s, %r', svcfw.Secret('swordfish'), svcfw.Secret('swordfish'))


def outcome(context, service, method, timeout=None, **arguments):
    """What a call of a service comes to: ('value', it) or (type of the error, its text, reason, service)."""
    try:
        return 'value', svcfw.service.call(context, service, method, timeout=timeout, **arguments)
    except svcfw.Error as e:
        return type(e).__name__, str(e)[:300], getattr(e, 'reason', ''), getattr(e, 'service', '')


def latest(context, timeout, count):
    """How many of so many calls had a value after their deadline."""
    wrong = 0
    for _ in range(count):
        began = time.monotonic()
        try:
            svcfw.service.call(context, Late, 'sleep', timeout=timeout, seconds=timeout)
        except svcfw.TimeoutError:
            continue
        wrong += time.monotonic() - began > timeout
    return wrong


@takes_router
def selects_channels(context, router):
    """A Channel to a service there, waited for with a Select."""
    receiver = svcfw.Receiver(router)
    select = svcfw.Select(router.loop, [receiver])
    context.call_service(Talks, 'talk', sender=receiver.to_sender())
    return select.get(60).value()


class Talks(Service):
    @expose(policy=AllowAny())
    def talk(self, sender):
        sender.send('hello')


@takes_router
def pools(router):
    """The pool of a child is one, whoever asks for it."""
    pool = svcfw.service.get_or_create_pool(router)
    return (
        pool is svcfw.service.get_or_create_pool(router),
        svcfw.CallError.__name__,
        svcfw.service.FileService.__name__,
    )
