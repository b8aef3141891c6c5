"""What the tests of services run in other contexts, down to Python 3.6."""

import os
import sys
import threading

import svcfw.service
from svcfw.core.dispatch import takes_router
from svcfw.core.wire.errors import CallError, ChannelError
from svcfw.transport import connect, start
from svcfw.transport.spec import LOCAL, Spec


class Place(svcfw.service.Service):
    """Hosted where it is asked for."""

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    @svcfw.service.arg_spec({'value': None})
    def echo(self, value):
        return value

    @svcfw.service.expose(policy=svcfw.service.AllowParents())
    def where(self):
        return os.getpid(), sys.version_info[:2]

    @svcfw.service.expose(policy=svcfw.service.AllowParents())
    def fail(self, text):
        raise ValueError(text)


class InOrder(svcfw.service.Service):
    invoker_class = svcfw.service.SerializedInvoker

    def __init__(self, router):
        super().__init__(router)
        self.seen = []

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def append(self, value):
        self.seen.append(value)
        return list(self.seen)


class Slow(svcfw.service.Service):
    """Waits for `go`."""

    invoker_class = svcfw.service.DeduplicatingInvoker

    def __init__(self, router):
        super().__init__(router)
        self.go = threading.Event()
        self.threads = []

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def compute(self, value):
        self.threads.append(threading.current_thread().name)
        assert self.go.wait(60)
        return value * 2


class Waiting(svcfw.service.Service):
    """Waits until its caller gives up."""

    @svcfw.service.expose(policy=svcfw.service.AllowParents())
    def wait(self, msg):
        gone = threading.Event()
        for _ in range(6000):
            if msg.cancelled:
                self.saw = True
                return
            gone.wait(0.01)
        return

    @svcfw.service.expose(policy=svcfw.service.AllowParents())
    def has_seen(self):
        return getattr(self, 'saw', False)


def call(context, service, method, **arguments):
    return context.call_service(service, method, **arguments)


def outcome(context, service, method, **arguments):
    """(kind, text) of the error that a call ends with."""
    try:
        return 'value', context.call_service(service, method, **arguments)
    except CallError as e:
        return e.typename, e.message
    except ChannelError as e:
        return 'ChannelError', str(e)


def call_many(context, service, method, count):
    """So many calls in flight at once; how many had the right answer."""
    replies = [context.call_service_async(service, method, value=i) for i in range(count)]
    return sum(reply.get() == i for i, reply in enumerate(replies))


def call_the_same(context, service, method, count):
    replies = [context.call_service_async(service, method, value=21) for _ in range(count)]
    return [reply.get() for reply in replies]


@takes_router
def start_child(python, router):
    """A child of this context."""
    options = Spec(transport=LOCAL, host='localhost', python=python)
    return start.start_and_wait(router, 'grandchild', connect.launcher(options), options.timeout_s)


@takes_router
def host(router):
    """A pool made by hand in a child."""
    svcfw.service.Pool(router, [Place(router), InOrder(router)], size=4)


def threads():
    return sorted(thread.name for thread in threading.enumerate())


@takes_router
def stop(router):
    router.services.stop()


class Numbered(svcfw.service.Activator):
    """Makes `Place` by another name."""

    def find(self, name):
        return Place if name == 'the place' else svcfw.service.Activator.find(self, name)
