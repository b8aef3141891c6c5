"""What becomes of the processes of a router's children when it ends. Python 3.6.

The program's own router waits for them when it is closed, that of a context below when it is told to end, or cut off.
Children that are up end by themselves when their link does, as long as they can; a program that is still to become one
(an ssh that hangs) need not.
"""

from svcfw.core.loop import Waiter

#: How often it is looked whether the processes are gone.
_LOOK_S = 0.005
#: How long one that was killed may take to be gone.
_GONE_S = 1.0


def end_children(router, leave_s):
    """Have all children end, kill those that take longer than that, and wait until they are gone, if that is soon."""
    router.loop.call_soon(lambda: _leave(router, leave_s))
    _wait(router, leave_s)


def with_context(router, leave_s):
    """Have the children of a context below the program end with it. Called with the first of them.

    leave_s: what the program gives its own children. Each context gives less to its children than it has itself.
    """

    def end():
        share_s = leave_s / 2 ** len(router.parent_ids)
        _leave(router, share_s)
        # After all that others have for the end of this context, which need not wait for these.
        router.on_shutdown(lambda: _wait(router, share_s))

    router.on_shutdown(end)


def _leave(router, leave_s):
    for starter in list(router.starters):
        starter.leave(leave_s)


def _wait(router, leave_s):
    over = Waiter(router.loop)
    router.loop.call_soon(lambda: _look(router, over))
    router.loop.wait(over, router.loop.clock() + leave_s + _GONE_S)


def _look(router, over):
    if router.starters:
        router.loop.call_later(_LOOK_S, lambda: _look(router, over))
    else:
        over.set()
