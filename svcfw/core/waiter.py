"""Waiter: what a thread sleeps on until the loop, or another thread, wakes it; Timer: a function for a time."""

import _thread

#: A poll or sleep without anything to wait for still ends, so that a lost wake-up can only delay, never hang.
MAX_POLL_S = 60.0


class Waiter(object):
    """What one thread waits on until another thread, or the loop that it drives itself, calls `set()`.

    brief: the thread leaves for short work and comes back to wait, as pool threads do. Where there is a standby, no
    other thread is woken to drive meanwhile, and the driver hands over to the thread that it gave work to: a sequence
    of short items then takes no thread switch.
    """

    __slots__ = ('ready', 'brief', '_loop', '_gate', '_asleep')

    def __init__(self, loop, brief=False):
        self.ready = False
        self.brief = brief
        self._loop = loop
        self._gate = None
        self._asleep = False

    def set(self):
        """Let the waiting thread continue. Any thread; idempotent."""
        loop = self._loop
        if loop._driver is self and loop.is_driving():
            self.ready = True  # the waiting thread sees it when this callback returns
            loop.busy += 1
            return
        with loop._lock:
            self.ready = True
            if self._asleep:
                self._unpark()
                if self.brief and loop.is_driving():
                    loop._hands_over = True
            else:
                loop._wake()

    def _unpark(self):
        if self._asleep:
            self._asleep = False
            self._loop.busy += 1
            self._gate.release()

    def _park(self):
        """Park: prepare to sleep; the loop's lock is held."""
        if self._gate is None:
            self._gate = _thread.allocate_lock()
            self._gate.acquire()
        self._asleep = True

    def _sleep(self, timeout=MAX_POLL_S):
        """Sleep until unparked. On time-out, take the gate's state back to locked."""
        if not self._gate.acquire(True, max(0, min(timeout, MAX_POLL_S))):
            with self._loop._lock:
                if not self._asleep:
                    self._gate.acquire()
                self._asleep = False


class Timer(object):
    """A function to be called at a time; `cancel()` from any thread."""

    __slots__ = ('when', 'function')

    def __init__(self, when, function):
        self.when = when
        self.function = function

    def cancel(self):
        self.function = None

    def __lt__(self, other):
        return self.when < other.when
