"""NoLoop: what a Latch without a loop waits on; threads sleep, and do no I/O meanwhile."""

import _thread
import time


class NoLoop(object):
    """The part of `svcfw.core.loop.Loop` that a Latch and its Waiters need. Any thread."""

    _driver = None
    clock = staticmethod(time.monotonic)

    def __init__(self):
        self._lock = _thread.RLock()

    def is_driving(self):
        return False

    def _wake(self):
        """No-op: nothing polls."""

    def wait(self, waiter, deadline=None):
        """Block until `waiter` is set; False once `clock()` is past `deadline`."""
        while not waiter.ready:
            with self._lock:
                if waiter.ready or (deadline is not None and self.clock() >= deadline):
                    break
                waiter._doze()
            if deadline is None:
                waiter._sleep()
            else:
                waiter._sleep(deadline - self.clock())
        return waiter.ready
