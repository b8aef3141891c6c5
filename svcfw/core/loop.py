"""Loop: one I/O loop, driven by whichever thread waits.

A dedicated I/O thread costs two thread hand-overs for each call (46 us each, measured), so there is none: the thread
that waits for an answer polls the descriptors itself ("leader/followers", Schmidt et al., 2000). At most one thread
drives at a time; the others sleep until what they wait for arrives or until the driver leaves and promotes one of them.

Where a program must go on doing I/O while all of its threads compute, `ensure_standby()` starts a spare thread that
drives only after nobody else has done so for a while, so that it is never in the way of a quick sequence of calls.
A process that never calls it stays single-threaded, which is what a process that forks must be.

`_thread` is used rather than `threading`: the latter loads 35 modules, which counts when a target starts. `_heapq` and
`_collections` spare another 3 ms, `_signal` 6 ms.
"""

import _thread
import os
import time
from _collections import deque
from _heapq import heappop, heappush

from svcfw.core.poller import READ, WRITE, Poller
from svcfw.core.waiter import MAX_POLL_S, Timer, Waiter
from svcfw.core.wire.errors import ChannelError

#: How long no thread drives before the standby does: the first sleep, and the longest while others drive. When it
#: wakes, a call in that process takes two thread switches longer.
STANDBY_NAP_S = 0.005
MAX_STANDBY_NAP_S = 0.02
#: How long at most writes of threads that do not drive are held back to become one; epoll makes it a millisecond.
LINGER_S = 0.0005

_NOTHING = (None, None)


class Loop(object):
    """Descriptors, timers and deferred calls. Callbacks run on the driving thread, one at a time.

    on_error(exception): called for an exception that a callback raises; the loop continues.
    """

    def __init__(self, on_error, clock=time.monotonic):
        self.clock = clock
        self._on_error = on_error
        # Reentrant: a signal handler may call `call_soon` while its thread holds it.
        self._lock = _thread.RLock()
        self._poller = Poller(clock)
        self._watched = {}  # fd: (on_readable, on_writable)
        #: Functions for the next turn, for its end, and of `linger`; whether a timer for the last is set.
        self._soon = deque()
        self._flushes = deque()
        self._lingering = deque()
        self._lingers = False
        self._timers = []  # a heap
        #: The Waiters of threads that sleep, longest first; that of the thread that drives, and its id.
        self._followers = deque()
        self._driver = None
        self._driving_thread = None
        #: How many callbacks wait within each other, and what is called on the driving thread when one begins to.
        self._nested = 0
        self.on_nested = None
        #: Whether the driver is to leave after this turn, having given work to a thread that waits briefly; and whether
        #: it polls, or is about to, so that others have to wake it.
        self._hands_over = self._polling = False
        #: How many threads this turn has woken that have not begun to wait again; and whether a frame is to wait for
        #: theirs (svcfw.core.parent.gathering).
        self.busy = 0
        self.gathers = lambda: False
        #: How often a thread has begun to drive, by which the standby sees whether others do; the standby's Waiter,
        #: once there is one; whether it sleeps until it is woken.
        self._turns = 0
        self._standby = None
        self._standby_parked = False
        self._closed = self._released = False
        self._why_closed = 'the loop was closed'
        self._wake_r, self._wake_w = os.pipe()
        for fd in (self._wake_r, self._wake_w):
            os.set_blocking(fd, False)
        self.watch(self._wake_r, self._drain_wakes)

    # -- descriptors and deferred calls; any thread

    def watch(self, fd, on_readable=None, on_writable=None):
        """Call these whenever `fd` is readable (including end-of-file and errors) or writable; both None: stop."""
        mask = (READ if on_readable else 0) | (WRITE if on_writable else 0)
        with self._lock:
            known = fd in self._watched
            if mask:
                self._watched[fd] = (on_readable, on_writable)
                (self._poller.modify if known else self._poller.register)(fd, mask)
            elif known:
                del self._watched[fd]
                self._poller.unregister(fd)
            self._wake()

    def call_soon(self, function):
        """Call `function()` in this or the next turn of the loop. Also for signal handlers."""
        self._soon.append(function)
        with self._lock:
            self._wake()

    def call_at(self, when, function):
        """Call `function()` once `clock()` has reached `when` (seconds); returns its Timer."""
        timer = Timer(when, function)
        with self._lock:
            heappush(self._timers, timer)
            self._wake()
        return timer

    def call_later(self, seconds, function):
        return self.call_at(self.clock() + seconds, function)

    def flush_later(self, function):
        """Call `function()` at the end of this turn: many writes become one. Driving thread."""
        self._flushes.append(function)

    def linger(self, function):
        """As `flush_later` for another thread: called when a thread begins to wait, or moments from now.

        Returns whether it will be called: there must be a standby, or one that drives.
        """
        with self._lock:
            if self._standby is None or (self._driver is None and self._standby_parked):
                return False
            self._lingering.append(function)
            if not self._lingers:
                self._lingers = True
                self.call_later(LINGER_S, self._end_lingering)
            return True

    def _end_lingering(self):
        self._lingers = False
        self._flush(self._lingering)

    def is_driving(self):
        """Whether the calling thread runs the callbacks now."""
        return self._driving_thread == _thread.get_ident()

    def own_waiter(self):
        """The Waiter for which the calling thread drives; None if it does not drive, or one of its callbacks waits."""
        return self._driver if self.is_driving() and not self._nested else None

    # -- waiting

    def wait(self, waiter, deadline=None):
        """Block until `waiter` is set, driving the loop if no other thread does. False once `clock()` is past
        `deadline`.

        A callback may wait as well: it then drives the loop from within its own turn. Raises ChannelError once closed.
        """
        if self.is_driving():
            return self._drive_nested(waiter, deadline)
        if self.busy:
            self.busy -= 1
        if self._lingering and not self.busy:
            self._flush(self._lingering)
        yields = follows = False
        try:
            while not waiter.ready:
                with self._lock:
                    if waiter.ready or (deadline is not None and self.clock() >= deadline):
                        break
                    if self._closed:
                        raise ChannelError(self._why_closed)
                    leads = self._driver is None and not yields
                    if leads:
                        self._take(waiter)
                    else:
                        self._follow(waiter)
                        follows = True
                yields = False
                if leads:
                    try:
                        yields = not self._drive_until(waiter, deadline)
                    finally:
                        self._leave(yields or waiter.brief)
                else:
                    waiter._sleep(MAX_POLL_S if deadline is None else deadline - self.clock())
        finally:
            if follows:
                self._unfollow(waiter)
        return waiter.ready

    def hand_on(self):
        """The calling thread, which has waited briefly, will be away for longer: let another one drive."""
        with self._lock:
            self._promote()

    def ensure_standby(self):
        """Have a spare thread drive the loop whenever all others are busy elsewhere."""
        with self._lock:
            if self._standby is not None:
                return
            self._standby = Waiter(self)
            try:
                _thread.start_new_thread(self._standby_main, ())
            except BaseException:
                self._standby = None  # the next caller tries again
                raise

    def close(self):
        """Close the loop's own descriptors; waiting threads get ChannelError. Idempotent."""
        with self._lock:
            self._closed = True
            if self._standby is not None:
                self._standby._unpark()
            while self._followers:
                self._followers.popleft()._unpark()
            self._wake()
            if self._driver is None:
                self._release()

    def abandon(self, reason):
        """In a fork, on its only thread: waiters get ChannelError(reason)."""
        self._lock = _thread.RLock()
        self._closed, self._why_closed = True, reason
        self._driver = self._driving_thread = None
        self._soon.clear()
        self._watched.clear()
        self._release()

    # -- driving

    def _follow(self, waiter):
        waiter._park()
        if waiter not in self._followers:
            self._followers.append(waiter)
        if self._driver is self._standby:
            self._wake()

    def _unfollow(self, waiter):
        """A thread that was chosen to drive leaves (perhaps by Ctrl-C): choose another one."""
        with self._lock:
            if waiter in self._followers:
                self._followers.remove(waiter)
            if not waiter.brief or self._standby is None:
                self._promote()

    def _take(self, waiter):
        self._driver = waiter
        self._hands_over = False
        self._driving_thread = _thread.get_ident()
        self._turns += 1

    def _leave(self, for_moments=False):
        with self._lock:
            self._driver = self._driving_thread = None
            if self._closed:
                self._release()
            elif not for_moments or self._standby is None:
                self._promote()
            elif self._standby_parked:
                self._unpark()

    def _promote(self):
        """No thread drives: let a follower take over, or else the standby. The lock is held."""
        if self._driver is None:
            if self._followers:
                self._followers.popleft()._unpark()
            elif self._standby_parked:
                self._unpark()

    def _unpark(self):
        self._standby_parked = False
        self._standby._unpark()

    def _drive_nested(self, waiter, deadline):
        self._nested += 1
        try:
            if self.on_nested is not None:
                self.on_nested()
            self._drive_until(waiter, deadline)
            return waiter.ready
        finally:
            self._nested -= 1

    def _drive_until(self, waiter, deadline):
        """Drive until the waiter is set, the deadline has passed, or another thread should drive: False for that."""
        while not waiter.ready and (deadline is None or self.clock() < deadline):
            if self._closed:
                raise ChannelError(self._why_closed)
            self._turn(deadline)
            if self._hands_over:
                self._hands_over = False
                if self._standby is not None and not self._nested and not waiter.ready:
                    return False
        return True

    def _flush(self, functions):
        while functions:
            try:
                function = functions.popleft()
            except IndexError:
                break  # another thread was faster
            self._guard(function)

    def _turn(self, deadline):
        self._flush(self._flushes)
        ready = self._poll(deadline)
        self.busy = 0
        for fd, mask in ready:
            try:
                readable, writable = self._watched.get(fd, _NOTHING)
                if writable and mask & ~READ:
                    writable()
                    readable = self._watched.get(fd, _NOTHING)[0]
                if readable and mask & ~WRITE:
                    readable()
            except Exception as e:
                self._on_error(e)
        if self._soon:
            for _ in range(len(self._soon)):
                if self._soon:  # a callback that waits runs others
                    self._guard(self._soon.popleft())
        if self._timers:
            self._run_timers()
        self._flush(self._flushes)
        if self._lingering and not self.busy:
            self._flush(self._lingering)

    def _poll(self, deadline):
        self._polling = True  # from here on `call_soon` wakes us, so check afterwards what was added before
        try:
            if self._soon or self._flushes:
                return self._poller.poll(0)
            end = deadline
            if self._timers and (end is None or self._timers[0].when < end):
                end = self._timers[0].when
            return self._poller.poll(MAX_POLL_S if end is None else min(MAX_POLL_S, end - self.clock()))
        finally:
            self._polling = False

    def _run_timers(self):
        """Call due timers; not for ever, even if each of them adds one that is due at once."""
        now = self.clock()
        for _ in range(len(self._timers)):
            with self._lock:
                if not self._timers or (self._timers[0].when > now and self._timers[0].function is not None):
                    return
                timer = heappop(self._timers)
            if timer.function is not None:
                self._guard(timer.function)

    def _guard(self, callback):
        try:
            callback()
        except Exception as e:
            self._on_error(e)

    # -- wake-ups

    def _wake(self):
        """Wake a blocked driver; the lock is held. Its own thread blocks only within a signal handler."""
        if self._driver is not None and (self._polling or not self.is_driving()):
            try:
                os.write(self._wake_w, b'\0')
            except OSError:
                pass  # the pipe is full: a wake-up is pending already

    def _drain_wakes(self):
        try:
            os.read(self._wake_r, 4096)
        except OSError:
            pass

    def _release(self):
        if not self._released:
            self._released = True
            for fd in (self._wake_r, self._wake_w):
                os.close(fd)
            self._poller.close()

    # -- the standby

    def _standby_main(self):
        me = self._standby
        turns = 0
        nap_s = STANDBY_NAP_S
        while True:
            with self._lock:
                # It sleeps while drivers change, instead of being woken by each of them.
                nap_s = STANDBY_NAP_S if turns == self._turns else min(nap_s * 2, MAX_STANDBY_NAP_S)
                parks = self._driver is not None and turns == self._turns
                turns = self._turns
                self._standby_parked = parks
                me._park()
            if self._closed:
                return
            me._sleep(MAX_POLL_S if parks else nap_s)
            with self._lock:
                leads = not (parks or self._closed) and self._driver is None and turns == self._turns
                if leads:
                    self._take(me)
            if leads:
                try:
                    while not self._followers and not self._closed:
                        self._turn(None)
                    turns = self._turns
                finally:
                    self._leave()
