"""Functions that test_trees_of_contexts.py has in real children. Python 3.6."""

import os
import sys
import threading

from svcfw.core.dispatch import takes_router
from svcfw.core.wire.errors import StartError

_go = threading.Event()


def version():
    return tuple(sys.version_info[:2])


def pids():
    """Of this process and of the one that started it."""
    return os.getpid(), os.getppid()


def wait_for_go(sender):
    sender.send('waiting')
    _go.wait()


@takes_router
def let_go_from_now_on(router):
    return router.add_handler(lambda message: _go.set())


@takes_router
def by_itself(python, host, router):
    """Start two children with the methods of this context's own router, and call them. host: for ssh."""
    near, far = router.local(python=python, name='near'), router.ssh(python=python, **host)
    below = router.local(via=near, name='below')
    text = ''
    for wrong in ({'transport': 'paramiko'}, {'via': router.parent()}):
        try:
            router.ssh('k3', **wrong)
        except StartError as e:
            text += str(e)
    near.disconnect()
    return [each.call(version) for each in (far,)], str(below), text, router.has_route(near)
