"""A fork's copy of a router: it shares the links' descriptors, and must not use them.

Two processes that write frames to one link destroy it. So the copy is dead from the start, closes its copies of the
descriptors, and raises an error when it is used. Python 3.6 has no hook for forks: there `Router.require_own_process`
detects the fork when the copy is used.
"""

import _weakref
import os
import sys

#: Routers of this process (weak references): a hook for forks cannot be removed, so there is one for all.
_routers = []
_register = getattr(os, 'register_at_fork', None)
HAS_HOOK = _register is not None


def watch(router):
    """Have `router.abandon()` called in each fork of this process."""
    _routers.append(_weakref.ref(router, _routers.remove))


def _after_fork():
    for reference in list(_routers):
        router = reference()
        if router is not None:
            router.abandon()
    del _routers[:]


if _register is not None:
    _register(after_in_child=_after_fork)


def end_if_fork(pid, error=None):
    """A function called in the process `pid` returns, or raises `error`, in a fork: end the fork.

    The exit status is that of a program: that of SystemExit, 1 after another exception, which is printed, else 0.
    Exit functions are not run: they belong to the original.
    """
    if os.getpid() == pid:
        return
    status = 0 if error is None else getattr(error, 'code', 1)  # as SystemExit has
    try:
        if error is not None and type(error) is not SystemExit:
            sys.excepthook(type(error), error, error.__traceback__)
        elif type(status) is str:
            status = sys.stderr.write(status + '\n') and 1
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit((status or 0) & 0xFF)
