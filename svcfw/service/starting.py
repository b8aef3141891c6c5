"""Creates pools from outside: on first use, and by a parent for its child."""

from svcfw.core.calls.caller import own_module, service_name
from svcfw.core.dispatch import resolve, takes_router
from svcfw.service.activator import Activator
from svcfw.service.limits import checked
from svcfw.service.pool import DEFAULT_SIZE, Pool, making


def get_or_create_pool(router, size=DEFAULT_SIZE, activator=None):
    """The pool of a router, created if there is none; only then `size` and `activator` count. Any thread."""
    with making:
        return router.services or Pool(router, size=size, activator=activator)


def start_pool(context, size=DEFAULT_SIZE, activator=None, limits=None):
    """Create the pool of a descendant context, before a call of a service there creates one with default settings.

    activator: a subclass of Activator; the context imports it by name and instantiates it without arguments.
    limits: as for Pool, or with classes instead of names. Queued among the calls of that context.
    Raises PoolError for an invalid limit, TypeError for an invalid activator, CallError for a failure there: mostly
    that it already has a pool.
    """
    named = {service_name(service): values for service, values in checked(limits or {}).items()}
    found_by = None
    if activator is not None:
        if not (isinstance(activator, type) and issubclass(activator, Activator)):
            raise TypeError('activator must be a subclass of svcfw.service.Activator, not %r' % (activator,))
        found_by = own_module(activator), activator.__qualname__
        context.router.calling(context, found_by[0])
    context.call(_start_here, size, found_by, named)


@takes_router
def _start_here(size, activator, limits, router):
    Pool(router, size=size, activator=None if activator is None else resolve(*activator)(), limits=limits)


def start_in_child(router, waiting):
    """Create the pool of a child context and pass it the messages received so far. Called by svcfw.core.entry."""
    with making:
        pool = router.services or Pool(router)
    for msg, arrived in waiting:
        pool.accept(msg, arrived)
