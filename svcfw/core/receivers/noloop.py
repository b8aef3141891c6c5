"""NoLoop: what a Latch without a loop waits on; threads sleep, and do no I/O meanwhile."""

import _thread
import os
import time

from svcfw.core.wire.errors import ChannelError


class NoLoop(object):
    """The part of `svcfw.core.loop.Loop` that a Latch and its Waiters need. Any thread."""

    _driver = None
    busy = 0
    clock = staticmethod(time.monotonic)

    def __init__(self):
        self._lock = _thread.RLock()
        self._pid = os.getpid()

    def is_driving(self):
        return False

    def _wake(self):
        """No-op: nothing polls."""

    def wait(self, waiter, deadline=None):
        """Block until `waiter` is set; False once `clock()` is past `deadline`. ChannelError in a fork.

        There, threads that waited before are not, and what is put would go to them.
        """
        if os.getpid() != self._pid:
            raise ChannelError('this is a fork of process %d, whose Latch it is. Make a new one here' % self._pid)
        while not waiter.ready:
            with self._lock:
                if waiter.ready or (deadline is not None and self.clock() >= deadline):
                    break
                waiter._park()
            if deadline is None:
                waiter._sleep()
            else:
                waiter._sleep(deadline - self.clock())
        return waiter.ready
