"""Ends the processes of a router's children.

The program's router waits for them when it is closed; that of another context when it is told to end, or disconnected.
Children whose link is up end by themselves with the link, as long as they can; a program that has not got so far (an
ssh that hangs) may not.
"""

from svcfw.core.waiter import Waiter

#: Interval between checks whether the processes have ended.
_LOOK_S = 0.005
#: How long a killed process may take to end.
_GONE_S = 1.0


def end_children(router, leave_s):
    """Ask all children to end, kill those that take longer than `leave_s`, and wait until they have ended."""
    router.loop.call_soon(lambda: _leave(router, leave_s))
    _wait(router, leave_s)


def with_context(router, leave_s):
    """End the children of an intermediate context with it. Called when it starts its first one.

    leave_s: the program's own grace period for children. Each context gives its children less than it has itself.
    """

    def end():
        share_s = leave_s / 2 ** len(router.parent_ids)
        _leave(router, share_s)
        # Later than the grace period that others give to this context, which need not wait for these.
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
