"""Service: base class of what other contexts call."""

from svcfw.core.calls.caller import own_module
from svcfw.core.receivers.select import Select
from svcfw.service.errors import PoolError
from svcfw.service.invoker import Invoker


class Service(object):
    """A class with exposed methods. Each instance belongs to one pool, on whose threads its methods run.

    Class attributes that a subclass may set:
    invoker_class: how its methods are run: Invoker, SerializedInvoker or DeduplicatingInvoker.
    max_running: most calls that run at the same time; None for as many as the pool has threads.
    max_waiting: most calls that wait for their turn; more are refused.
    results: for DeduplicatingInvoker, how long outcomes are cached (Results); None for the defaults.
    """

    invoker_class = Invoker
    max_running = None
    max_waiting = 10000
    results = None

    def __init__(self, router):
        self.router = router
        #: The pool waits for receivers, latches and selects added here, at any time: see `on_message_received`.
        self.select = Select(router.loop, oneshot=False)
        #: The Invoker that runs its calls; None until a pool serves it.
        self.invoker = None

    @classmethod
    def name(cls):
        """Name for callers: 'package.module.Class', which the default Activator can find."""
        return '%s.%s' % (own_module(cls), cls.__qualname__)

    def on_message_received(self, event):
        """A source of `select` has data: `event.source`, `event.data`. Runs on a pool thread, queued among the calls.

        The end of a source is an event too: `event.data` is the ChannelError, and the source has been removed.
        """

    def on_shutdown(self):
        """The pool ends. Called once, latest service first; results of running calls are discarded.

        An ending context waits up to 5 s (pool.ON_SHUTDOWN_S) for all of them together.
        """


def require_servable(name, service):
    """Raise PoolError, saying what is wrong, unless `service` can be served."""
    if not isinstance(service, Service):
        wanted = (
            'an instance: write services=[%s(router)]' % service.__name__ if isinstance(service, type) else 'a Service'
        )
        raise PoolError('%s cannot be served: expected %s, got %r' % (name, wanted, service))
    if getattr(service, 'select', None) is None:
        raise PoolError('%s cannot be served: its __init__ does not call super().__init__(router)' % name)
