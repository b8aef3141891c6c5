"""Poller: waits for descriptors; blocks, or polls for a moment while events come quickly."""

import os
import select

READ = getattr(select, 'EPOLLIN', getattr(select, 'POLLIN', 1))
WRITE = getattr(select, 'EPOLLOUT', getattr(select, 'POLLOUT', 4))

_yield = getattr(os, 'sched_yield', lambda: None)

#: A blocked process takes 30 to 60 us to be woken (measured; its core has to wake up too), more than a small call takes
#: in all. So a thread that has blocked for less than QUICK_S some times in a row polls for up to SPIN_S first.
#: Over ssh a small call takes 150 to 350 us. A poll takes 1 to 2 us: one that took CROWDED_S had to share the core with
#: ssh or the process that we wait for, from which further polling would take time.
SPIN_S = 0.00025
QUICK_S = 0.0006
CROWDED_S = 0.00002
#: How many times: doubled after each poll in vain, halved after one with a result.
MIN_QUICK, MAX_QUICK = 4, 32


class Poller(object):
    """select.epoll, or the platform's equivalent, with time-outs in seconds.

    clock: seconds. `register`, `modify` and `unregister` are the platform's; any thread. `poll`: one thread.
    """

    def __init__(self, clock):
        has_epoll = hasattr(select, 'epoll')
        poller = select.epoll() if has_epoll else select.poll()
        self.register, self.modify, self.unregister = poller.register, poller.modify, poller.unregister
        self.close = poller.close if has_epoll else lambda: None
        self._unit = 1 if has_epoll else 1000
        self._poll = poller.poll
        self._clock = clock
        self._quick = 0
        self._wanted_quick = MIN_QUICK

    def poll(self, timeout):
        """[(fd, mask)] of ready descriptors, after at most `timeout` seconds."""
        if timeout <= 0:
            return self._poll(0)
        began = self._clock()
        if self._quick >= self._wanted_quick:
            events = self._look(began)
            if events:
                return events
            began = self._clock()
        events = self._poll(timeout * self._unit)
        self._quick = self._quick + 1 if self._clock() - began < QUICK_S else 0
        return events

    def _look(self, began):
        """What comes before SPIN_S are over, as long as nobody else needs the core; None."""
        was = now = began
        while now - began < SPIN_S:
            events = self._poll(0)
            if events:
                self._wanted_quick = max(MIN_QUICK, self._wanted_quick // 2)
                return events
            if now - was > CROWDED_S:
                break
            _yield()  # the process that we wait for may need this core
            was, now = now, self._clock()
        self._quick = 0
        self._wanted_quick = min(MAX_QUICK, self._wanted_quick * 2)
        return None
