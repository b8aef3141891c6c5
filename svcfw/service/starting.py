"""Pools that are made from elsewhere: where there is none yet, and by a parent for its child."""

from svcfw.core.calls.caller import own_module, service_name
from svcfw.core.dispatch import resolve, takes_router
from svcfw.service.activator import Activator
from svcfw.service.limits import checked
from svcfw.service.pool import DEFAULT_SIZE, Pool, making


def get_or_create_pool(router, size=DEFAULT_SIZE, activator=None):
    """The pool of a router, made if there is none; `size` and `activator` count only then. Any thread."""
    with making:
        return router.services or Pool(router, size=size, activator=activator)


def start_pool(context, size=DEFAULT_SIZE, activator=None, limits=None):
    """Make the pool of a context below, before a call of a service there makes one with the usual values.

    activator: a subclass of Activator; the context finds it by its name, and makes an instance without arguments.
    limits: as for Pool, or with classes in place of names. It takes its turn among the calls of that context.
    PoolError for what is no limit, TypeError for what is no activator; CallError for what fails there: it has a pool
    already, above all.
    """
    named = {service_name(service): values for service, values in checked(limits or {}).items()}
    found_by = None
    if activator is not None:
        if not (isinstance(activator, type) and issubclass(activator, Activator)):
            raise TypeError('%r is not a subclass of Activator' % (activator,))
        found_by = own_module(activator), activator.__qualname__
        context.router.calling(context, found_by[0])
    context.call(_start_here, size, found_by, named)


@takes_router
def _start_here(size, activator, limits, router):
    Pool(router, size=size, activator=None if activator is None else resolve(*activator)(), limits=limits)
