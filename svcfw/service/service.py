"""Service: the base class of what other contexts call."""

from svcfw.core.select import Select
from svcfw.service.invoker import Invoker


class Service(object):
    """A class with exposed methods, one instance in each pool.

    Class attributes that a service may set:
    invoker_class: how its methods are run: Invoker, SerializedInvoker, DeduplicatingInvoker.
    max_running: calls of it that run at the same time, at most; None for as many as the pool has threads.
    max_waiting: calls that may wait for a thread; more are refused.

    Its methods run on threads of the pool.
    """

    invoker_class = Invoker
    max_running = None
    max_waiting = 10000

    def __init__(self, router):
        self.router = router
        #: Receivers, latches and selects added here over time are waited for by the pool: see `on_message_received`.
        self.select = Select(router.loop, oneshot=False)

    @classmethod
    def name(cls):
        """The name that callers use: 'package.module.Class', which the default Activator can find."""
        return '%s.%s' % (cls.__module__, cls.__qualname__)

    def on_message_received(self, event):
        """A source of `select` has something: `event.source`, `event.data`. Runs on a thread of the pool.

        The end of a source is an event too: `event.data` is its dead Message or the ChannelError, and it has left.
        """

    def on_shutdown(self):
        """The pool stops. Called once, after the last method has returned or been given up."""
