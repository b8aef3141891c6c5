"""Workers: a fixed number of threads that serve queues in turn."""

import collections
import threading

from svcfw.core.waiter import Waiter
from svcfw.core.wire.errors import ChannelError

#: A short item that has taken this long is not short: another thread is woken for what waits.
PATIENCE_S = 0.005


class WorkQueue(object):
    """Work of one owner (a service, one activation, the deferred functions), served by any number of threads.

    `waiting` and `running` change only with the workers' lock held. Subclasses override `may_start` and `run`.
    """

    def __init__(self):
        #: Items that wait, in order of arrival.
        self.waiting = collections.deque()
        #: {item: id of the thread that runs it}
        self.running = {}

    def may_start(self):
        """Whether one more item may start now. The lock is held."""
        return True

    def is_short(self, item):
        """Whether running the item should take less time than waking a thread. An estimate; the lock is held."""
        return False

    def run(self, item):
        """Run one item; an exception is logged. On a worker thread, without the lock."""
        raise NotImplementedError


class Deferred(WorkQueue):
    """Queue of functions to be called."""

    def put(self, function, args, kwargs):
        """The lock is held."""
        self.waiting.append(_Call(function, args, kwargs))

    def run(self, item):
        item.function(*item.args, **item.kwargs)


class _Call(object):
    def __init__(self, function, args, kwargs):
        self.function = function
        self.args = args
        self.kwargs = kwargs


class Workers(object):
    """The threads. `schedule` gives them work; a thread that finishes an item looks for the next.

    A thread that runs a short item also serves what arrives meanwhile, because a thread switch would take longer. If
    the item turns out long, a timer wakes another thread.

    loop; size: number of threads; on_error(exception): called for what a queue's `run` raised; spares(): whether the
    last free thread is reserved for a queue with no running item, so that a slow one does not starve the others
    (called with the lock held).
    """

    def __init__(self, loop, size, on_error, spares):
        #: Guards all queues too. Held briefly, never while user code runs.
        self.lock = threading.Lock()
        self._loop = loop
        self._size = size
        self._on_error = on_error
        self._spares = spares
        self._ready = collections.OrderedDict()
        self._idle = []
        self._rousing = False
        self._busy = 0
        self._short = 0
        self._begun = 0
        self._timer = None
        self._drains = False
        self._on_drained = lambda: None
        self._ended = False
        self._blocked = {}
        self._joining = []
        self._threads = [
            threading.Thread(target=self._main, name='svcfw-pool-%d' % i, daemon=True) for i in range(size)
        ]
        self._alive = 0
        self._start()
        loop.on_nested = self._on_nested

    def _start(self):
        """Start all threads, or none: RuntimeError where the account's limit of processes is reached."""
        try:
            for thread in self._threads:
                with self.lock:
                    self._alive += 1
                thread.start()
        except BaseException:
            with self.lock:
                self._alive -= 1
            self._threads = [thread for thread in self._threads if thread.ident is not None]
            self.end()
            raise

    def has(self, ident):
        """Whether the thread with the id `ident` is a worker."""
        return any(thread.ident == ident for thread in self._threads)

    # -- work

    def schedule(self, queue):
        """A queue has a waiting item: assign a thread as soon as one is free. The lock is held."""
        self._ready[queue] = None
        self._see_to(self._short)

    def begin(self, queue, item):
        """Mark an item of a queue as running on the calling thread. The lock is held."""
        queue.running[item] = threading.get_ident()

    def carry_out(self, queue, item):
        """Run an item marked by `begin`, then wake the threads that wait for its end. Without the lock."""
        try:
            queue.run(item)
        except BaseException as e:
            self._on_error(e)
        with self.lock:
            del queue.running[item]
            self._recheck()

    def _see_to(self, somebody_is_near):
        """More work may be waiting: wake a thread for it, unless a running one will look for work in a moment."""
        if not somebody_is_near:
            self._unpark()
        elif self._timer is None:
            self._watch()

    def _watch(self):
        begun = self._begun
        self._timer = self._loop.call_later(PATIENCE_S, lambda: self._check(begun))

    def _check(self, begun):
        with self.lock:
            self._timer = None
            if self._find() is not None:
                if self._begun == begun:
                    self._unpark()
                self._watch()

    def _unpark(self):
        """Wake one thread, which wakes the next if there is more work: so few wake up for many short items."""
        if self._rousing or not self._idle:
            return
        # A thread that drives the loop and queues work itself needs no thread switch.
        own = self._loop.own_waiter()
        waiter = own if own is not None and own in self._idle else self._idle[-1]
        self._idle.remove(waiter)
        self._rousing = True
        waiter.set()

    def _on_nested(self):
        """The driving thread, which may just have queued work for itself, is about to wait for something else."""
        with self.lock:
            if self._rousing:
                self._rousing = False
                self._unpark()

    def _find(self):
        """The queue whose turn it is, or None. The lock is held."""
        is_last = self._busy + 1 >= self._size and self._spares()
        for queue in list(self._ready):
            if not queue.waiting:
                del self._ready[queue]
            elif queue.may_start() and not (is_last and queue.running):
                self._ready.move_to_end(queue)
                return queue
        return None

    def _main(self):
        waiter = None
        try:
            while True:
                with self.lock:
                    if self._ended:  # `end` wakes only threads that already wait
                        break
                    if waiter is not None:
                        self._rousing, waiter = False, None
                    queue = self._find()
                    if queue is None:
                        waiter = Waiter(self._loop, brief=True)
                        self._idle.append(waiter)
                    else:
                        item = queue.waiting.popleft()
                        is_short = queue.is_short(item)
                        self.begin(queue, item)
                        self._begun += 1
                        self._busy += 1
                        self._short += is_short
                        if self._find() is not None:
                            self._see_to(is_short)
                if queue is not None:
                    if not is_short:
                        self._loop.hand_on()
                    self.carry_out(queue, item)
                    item = None  # its finalizer may answer a caller
                    with self.lock:
                        self._busy -= 1
                        self._short -= is_short
                elif self._drains and self._is_drained():
                    self._on_drained()
                else:
                    self._loop.wait(waiter)
        except ChannelError:
            pass  # the loop was closed: the router has ended
        finally:
            with self.lock:
                self._alive -= 1
                for joining in self._joining:
                    joining.set()

    # -- waiting for one another

    def block(self, is_over, holders, deadline=None):
        """Wait until `is_over()`, which depends on the threads with the ids `holders()`. Any thread.

        Both are called with the lock held. Returns False at once if those threads wait for the calling one (deadlock);
        True when it is over, and at the deadline (on the loop's clock).
        """
        me = threading.get_ident()
        while True:
            with self.lock:
                if is_over() or (deadline is not None and self._loop.clock() >= deadline):
                    return True
                if self._all_wait_for(me, holders, set()):
                    return False
                waiter = Waiter(self._loop)
                self._blocked[me] = (waiter, holders)
            try:
                self._loop.wait(waiter, deadline)
            finally:
                with self.lock:
                    del self._blocked[me]

    def _all_wait_for(self, me, holders, seen):
        """Whether each of these threads is `me`, or blocked by such threads only."""
        idents = set(holders())
        return bool(idents) and all(self._waits_for(me, ident, seen) for ident in idents)

    def _waits_for(self, me, ident, seen):
        if ident == me:
            return True
        if ident in seen or ident not in self._blocked:
            return False
        seen.add(ident)
        return self._all_wait_for(me, self._blocked[ident][1], seen)

    def _recheck(self):
        for waiter, _ in self._blocked.values():
            waiter.set()

    # -- the end

    def drain(self, on_drained):
        """Call `on_drained()` once nothing waits or runs: on this thread, or on a worker."""
        self._on_drained = on_drained
        self._drains = True
        if self._is_drained():
            on_drained()

    def _is_drained(self):
        with self.lock:
            return self._drains and not self._busy and not any(queue.waiting for queue in self._ready)

    def end(self):
        """Let each thread end after its present item. Idempotent."""
        with self.lock:
            self._ended = True
            self._recheck()
            while self._idle:
                self._idle.pop().set()

    def join(self):
        """Wait until all threads have ended, doing I/O meanwhile. On a worker returns at once."""
        if self.has(threading.get_ident()):
            return
        while True:
            waiter = Waiter(self._loop)
            with self.lock:
                if not self._alive:
                    break
                self._joining.append(waiter)
            try:
                self._loop.wait(waiter)
            except ChannelError:
                break
        for thread in self._threads:
            thread.join()
