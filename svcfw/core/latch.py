"""Latch: a queue on which threads wait; the base of everything else that can be waited for."""

import _thread
from _collections import deque

from svcfw.core import load
from svcfw.core.waiter import Waiter
from svcfw.core.wire.errors import ChannelError, TimeoutError


class Latch(object):
    """Items put by any thread, taken by any thread in order of arrival.

    loop: the Loop that a waiting thread drives; `router.loop`. Without one a waiting thread does no I/O, which another
    thread has to do: not for callbacks on a loop. brief: see Waiter.
    """

    def __init__(self, loop=None, brief=False):
        self._loop = loop or load('svcfw.core.receivers.noloop').NoLoop()
        self._brief = brief
        self._lock = _thread.allocate_lock()
        self._items = deque()
        self._waiters = []  # a deque takes 600 bytes, and more than one waiter is rare
        self._closed = None
        #: Called with the latch, on the putting thread, after each put and on close: the hook of Select.
        self.notify = None

    def __len__(self):
        return len(self._items)

    @property
    def closed(self):
        """Why no more items will come (str); None while they may."""
        return self._closed

    def empty(self):
        return not self._items

    def put(self, item=None):
        """Add an item and wake one waiter. Raises ChannelError once closed."""
        with self._lock:
            if self._closed is not None:
                raise ChannelError(self._closed)
            self._items.append(item)
            waiter = self._waiters.pop(0) if self._waiters else None
        if waiter is not None:
            waiter.set()
        self._tell()

    def get(self, timeout=None):
        """Take the oldest item; waits up to `timeout` seconds (None: until the latch is closed).

        Raises TimeoutError, and ChannelError once closed and empty. Any thread, including loop callbacks.
        """
        items = self._items
        if items:
            try:
                return items.popleft()
            except IndexError:
                pass  # another thread was faster
        deadline = None if timeout is None else self._loop.clock() + timeout
        while True:
            with self._lock:
                if items:
                    return items.popleft()
                if self._closed is not None:
                    raise ChannelError(self._closed)
                waiter = Waiter(self._loop, self._brief)
                self._waiters.append(waiter)
            in_time = False
            try:
                in_time = self._loop.wait(waiter, deadline)
            finally:
                if not in_time:
                    self._withdraw(waiter)
            if not in_time and not self._items:
                raise TimeoutError('%r: nothing arrived within %g s' % (self, timeout))

    def take_back(self):
        """Remove the latest item, if there is one: for items that are all alike."""
        try:
            self._items.pop()
        except IndexError:
            pass

    def close(self, reason='the latch was closed'):
        """Wake all waiters with ChannelError(reason) once the items are gone. Idempotent."""
        with self._lock:
            if self._closed is not None:
                return
            self._closed = reason
            waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.set()
        self._tell()

    def _tell(self):
        notify = self.notify
        if notify is not None:
            notify(self)

    def _withdraw(self, waiter):
        """A waiter that was chosen for an item leaves for another reason: choose another one."""
        with self._lock:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
                return
            heir = self._waiters.pop(0) if self._items and self._waiters else None
        if heir is not None:
            heir.set()
