"""Invokers: run the calls of one service on the threads of a pool."""

import collections
import os
import weakref

from svcfw.core import forks
from svcfw.core.dispatch import call_error, fail
from svcfw.core.wire.errors import CallError, ChannelError, TimeoutError
from svcfw.service.errors import PoolError, RefusedError, refusal
from svcfw.service.exposed import find_exposed
from svcfw.service.workers import WorkQueue

#: Methods with a shorter mean duration get no thread woken for each call.
SHORT_S = 0.0003

_TOO_LATE = 'the caller no longer waits'


class Invoker(WorkQueue):
    """Runs calls concurrently, in order of arrival, as far as threads and `Service.max_running` allow.

    service; workers: the threads (see svcfw.service.workers). Subclasses override `max_running`, `enqueue`, `execute`.
    """

    def __init__(self, service, workers):
        WorkQueue.__init__(self)
        self.service = service
        self.methods = find_exposed(service)
        self._workers = workers
        self._lock = workers.lock
        self._ended = None
        self._unanswered = weakref.WeakSet()
        #: The last value of `max_running`, which is user code and never called with the lock held.
        self._limit = None
        self.update_limit()

    def max_running(self):
        """How many calls may run at the same time (int, at least 1); None for no limit.

        Called when a call arrives and when one ends, on any thread, without the lock. An exception or an invalid value
        fails that call.
        """
        return self.service.max_running

    def update_limit(self):
        """Call `max_running` again. Raises PoolError for an invalid value, or what it raises."""
        limit = self.max_running()
        if limit is not None and (type(limit) is not int or limit < 1):
            raise PoolError('%s: max_running must be None or at least 1, not %r' % (self.service.name(), limit))
        self._limit = limit

    # -- arrival; loop thread

    def method(self, msg, name):
        """The Exposed method for the sender of `msg`. Raises RefusedError if there is none, or a policy objects."""
        method = self.methods.get(name)
        if method is None:
            raise RefusedError('%s has no exposed method %s' % (self.service.name(), name))
        reason = method.objection(msg)
        if reason is not None:
            raise RefusedError('%s.%s: %s' % (self.service.name(), name, reason))
        return method

    def submit(self, request):
        """Take a call of another context: queue it for a thread. Raises what `enqueue` raises."""
        self.update_limit()
        mine = self.enqueue(request)
        if mine is not None and self._is_new(mine):
            with self._lock:
                self._workers.schedule(self)

    def _is_new(self, mine):
        """Whether `enqueue` has put this into the queue just now, for which a thread may have to be woken."""
        return True

    def enqueue(self, request):
        """Put a request into the queue; returns the Request that is to be run for it, None if it is answered already.

        The way of every call, those of the own context too: override it to refuse, to join or to answer calls. Any
        thread, without the lock. Raises RefusedError if the queue is full, ChannelError once the pool has ended.
        """
        with self._lock:
            if self._ended is not None:
                raise ChannelError(self._ended)
            if len(self.waiting) >= self.service.max_waiting:
                raise RefusedError('%s: queue full, %d calls are waiting' % (self.service.name(), len(self.waiting)))
            self.waiting.append(request)
        return request

    def submit_event(self):
        """Queue an event of the service's select among the calls."""
        with self._lock:
            if self._ended is None:
                self.waiting.append(_Event())
                self._workers.schedule(self)

    # -- a pool thread that calls its own context

    def run_here(self, request):
        """Take a call of this context: run it on the calling thread, which would only wait for another one.

        The order is kept: if the service runs one call at a time, earlier calls run first, on this thread if need be.
        Raises what `enqueue` raises.
        """
        self.update_limit()
        mine = self.enqueue(request)
        while mine is not None and self._run_one(mine, request):
            pass
        if self.waiting:  # what comes from now on is scheduled by whatever brings it
            with self._lock:
                self._workers.schedule(self)

    def _run_one(self, mine, request):
        """Run `mine`, which answers `request`, or an earlier one that has to start before it, or wait for a change.

        Returns whether `mine` is still to be run.
        """
        with self._lock:
            if mine not in self.waiting and mine not in self.running:
                return False
            next_one = self._next_before(mine)
            if next_one is not None:
                self.waiting.remove(next_one)
                self._workers.begin(self, next_one)
        if next_one is None:
            return self._wait_for_change(mine, request)
        self._workers.carry_out(self, next_one)
        return next_one is not mine

    def _next_before(self, mine):
        """What may start now, and has to before `mine` can (perhaps `mine` itself); None. The lock is held."""
        if not self.waiting or not self.may_start():
            return None
        return mine if self._limit is None and mine in self.waiting else self.waiting[0]

    def _wait_for_change(self, mine, request):
        """Block until something may start or `mine` has run. Returns whether `mine` may still have to be run."""

        def is_over():
            return (mine not in self.waiting and mine not in self.running) or (self.waiting and self.may_start())

        if not self._workers.block(is_over, self.running.values, mine.deadline):
            self._withdraw(mine)
            mine.fail(refusal('%s calls itself: deadlock' % self.service.name()))
        elif not mine.is_wanted():
            self._withdraw(mine)
            mine.refuse(_TOO_LATE)
        return True

    def _withdraw(self, request):
        with self._lock:
            if request in self.waiting:
                self.waiting.remove(request)

    # -- threads of the pool

    def may_start(self):
        return self._limit is None or len(self.running) < self._limit

    def is_short(self, item):
        return item.method is not None and item.method.counts.recent_s < SHORT_S

    def run(self, item):
        if item.method is None:
            self._handle_event()
        elif item.is_wanted():
            try:
                self.execute(item)
            except BaseException as e:  # raised by a user's invoker
                fail(item, call_error(e))
                raise
            if not item.is_answered and item.wants_reply():
                self._await_answer(item)
            self.update_limit()
        else:
            item.refuse(_TOO_LATE)

    def execute(self, request):
        """Run the method and answer the request in any case."""
        counts = request.method.counts
        clock = request.router.loop.clock
        started = clock()
        failure = value = None
        pid = os.getpid()
        try:
            value = request.method.run(request.arguments(), request)
        except RefusedError as e:
            failure = refusal(e)
        except CallError as e:
            failure = e
        except BaseException as e:  # SystemExit too: it must neither end the thread nor leave the caller without answer
            forks.end_if_fork(pid, e)
            failure = call_error(e)
        forks.end_if_fork(pid)
        counts.add(clock() - started, failure is not None)
        if failure is None:
            request.settle(value)
        else:
            fail(request, failure)

    def _handle_event(self):
        try:
            event = self.service.select.get_event(0)
        except (TimeoutError, ChannelError):
            return  # removed meanwhile, or the pool has stopped
        self.service.on_message_received(event)

    def _await_answer(self, request):
        """A method answers later: keep the request (weakly), so that `end` can answer it if the pool ends first."""
        with self._lock:
            if self._ended is None:
                self._unanswered.add(request)
                return
        request.refuse(self._ended)

    # -- the end, and statistics

    def is_over(self):
        """Whether its pool has ended."""
        return self._ended is not None

    def end(self, reason):
        """Answer all waiting and running calls with ChannelError(reason), and refuse new ones.

        Results of running calls are discarded.
        """
        with self._lock:
            self._ended = reason
            requests = list(self.waiting) + list(self.running) + list(self._unanswered)
            self.waiting.clear()
        for request in requests:
            request.cancel()
            request.refuse(reason)

    def stats(self):
        """{method: {calls, failures, waiting, running, seconds}}: number of calls and their total duration."""
        with self._lock:
            waiting = collections.Counter(self._names(self.waiting))
            running = collections.Counter(self._names(self.running))
            return {
                name: {
                    'calls': counts.calls,
                    'failures': counts.failures,
                    'waiting': waiting[name],
                    'running': running[name],
                    'seconds': counts.seconds,
                }
                for name, counts in ((method.name, method.counts) for method in self.methods.values())
            }

    def _names(self, items):
        return [item.method.name for item in items if not item.is_answered]


class SerializedInvoker(Invoker):
    """Runs one call at a time, in strict order of arrival; occupies a thread only while calls wait.

    Events of the service's sources are queued among the calls.
    """

    def max_running(self):
        return 1


class _Event(object):
    """Queue entry for an event of the service's select; it has no caller."""

    is_answered = True
    method = None

    def cancel(self):
        pass

    def refuse(self, reason):
        pass
