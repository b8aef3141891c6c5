"""Service: the base class of what other contexts call."""

from svcfw.core.calls.caller import own_module
from svcfw.core.receivers.select import Select
from svcfw.service.invoker import Invoker


class Service(object):
    """A class with exposed methods, one instance in each pool. Its methods run on threads of the pool.

    Class attributes that a service may set:
    invoker_class: how its methods are run: Invoker, SerializedInvoker, DeduplicatingInvoker.
    max_running: calls of it that run at the same time, at most; None for as many as the pool has threads.
    max_waiting: calls that may wait for their turn; more are refused.
    results: of a deduplicated service, what is kept and for how long (Results); None for the defaults.
    """

    invoker_class = Invoker
    max_running = None
    max_waiting = 10000
    results = None

    def __init__(self, router):
        self.router = router
        #: Receivers, latches and selects added here over time are waited for by the pool: see `on_message_received`.
        self.select = Select(router.loop, oneshot=False)
        #: The Invoker that runs its calls; None until it is in a pool.
        self.invoker = None

    @classmethod
    def name(cls):
        """The name that callers use: 'package.module.Class', which the default Activator can find."""
        return '%s.%s' % (own_module(cls), cls.__qualname__)

    def on_message_received(self, event):
        """A source of `select` has something: `event.source`, `event.data`. Runs on a thread of the pool, in its turn.

        The end of a source is an event too: `event.data` is the ChannelError that says why, and it has left.
        """

    def on_shutdown(self):
        """The pool ends. Called once, those of services that came later before; what methods still return is discarded.

        An ending context waits up to 5 s (pool.ON_SHUTDOWN_S) for all of them together.
        """
