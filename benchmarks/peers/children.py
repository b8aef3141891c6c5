"""Starts a child of a svcfw child: the hop."""

from svcfw.core.dispatch import takes_router
from svcfw.transport import connect, start
from svcfw.transport.spec import LOCAL, Spec


@takes_router
def start_child(router):
    options = Spec(transport=LOCAL, host='localhost')
    return start.start_and_wait(router, 'far', connect.launcher(options), options.timeout_s)
