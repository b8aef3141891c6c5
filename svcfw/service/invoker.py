"""Invokers: how the calls of one service are run on the threads of a pool."""

import collections
import os
import weakref

from svcfw.core import forks
from svcfw.core.dispatch import call_error, fail
from svcfw.core.wire.errors import CallError, ChannelError, TimeoutError
from svcfw.service.errors import PoolError, RefusedError, refusal
from svcfw.service.exposed import find_exposed
from svcfw.service.workers import Lane

#: Methods that take less than this on the average do not get a thread woken for each of their calls.
SHORT_S = 0.0003

_TOO_LATE = 'the caller waits no more'


class Invoker(Lane):
    """Runs calls concurrently, begun in the order of their arrival, as far as threads and `Service.max_running` go.

    service; workers: the threads (see svcfw.service.workers). Subclasses override `max_running`, `submit`, `execute`.
    """

    def __init__(self, service, workers):
        Lane.__init__(self)
        self.service = service
        self.methods = find_exposed(service)
        self._workers = workers
        self._lock = workers.lock
        self._ended = None
        self._unanswered = weakref.WeakSet()
        #: What `max_running` said last: it is the user's, and never asked under the lock.
        self._limit = None
        self.update_limit()

    def max_running(self):
        """How many calls may run at the same time (int, at least 1); None for any number.

        Asked when a call comes and when one has ended, on any thread, without a lock. Anything else, and what it
        raises, is the failure of that call.
        """
        return self.service.max_running

    def update_limit(self):
        """Ask `max_running` anew. PoolError for a value that is no limit, or what it raises."""
        limit = self.max_running()
        if limit is not None and (type(limit) is not int or limit < 1):
            raise PoolError('%s: max_running is None or a number of at least 1, not %r' % (self.service.name(), limit))
        self._limit = limit

    # -- arrival; loop thread

    def method(self, msg, name):
        """The Exposed method, for the sender of `msg`. RefusedError if there is none, or not for him."""
        method = self.methods.get(name)
        if method is None:
            raise RefusedError('%s has no exposed method %s' % (self.service.name(), name))
        reason = method.objection(msg)
        if reason is not None:
            raise RefusedError('%s.%s: %s' % (self.service.name(), name, reason))
        return method

    def submit(self, request):
        """Take a request, to be run when its turn comes. RefusedError when too many wait; ChannelError at the end."""
        self.update_limit()
        with self._lock:
            self._enqueue(request)
            self._workers.schedule(self)

    def _enqueue(self, request):
        if self._ended is not None:
            raise ChannelError(self._ended)
        if len(self.waiting) >= self.service.max_waiting:
            raise RefusedError('%s: %d calls are waiting already' % (self.service.name(), len(self.waiting)))
        self.waiting.append(request)

    def submit_event(self):
        """The service's select has something: it takes its turn among the calls."""
        with self._lock:
            if self._ended is None:
                self.waiting.append(_Event())
                self._workers.schedule(self)

    # -- a thread of the pool that calls its own context

    def run_here(self, request):
        """Carry out a request on the calling thread, which waits for it anyway, so that it needs no other one.

        In its turn: where the service runs one at a time, after those that came before, which run here too if they
        have to.
        """
        self.update_limit()
        if self._limit is None:
            with self._lock:
                self._enqueue(request)
                self._begin_waiting(request)
            self._workers.carry_out(self, request)
            return
        with self._lock:
            self._enqueue(request)
        while self._run_one(request):
            pass
        with self._lock:
            if self.waiting:
                self._workers.schedule(self)

    def _run_one(self, mine):
        """Run the next request if it may start, or wait until that has changed. Whether `mine` is still to be done."""
        with self._lock:
            if mine not in self.waiting and mine not in self.running:
                return False
            request = self.waiting[0] if self.waiting and self.may_start() else None
            if request is not None:
                self._begin_waiting(request)
        if request is not None:
            self._workers.carry_out(self, request)
        else:
            self._wait_for_change(mine)
        return True

    def _begin_waiting(self, request):
        self.waiting.remove(request)
        self._workers.begin(self, request)

    def _wait_for_change(self, mine):
        def is_over():
            return (mine not in self.waiting and mine not in self.running) or (self.waiting and self.may_start())

        if not self._workers.block(is_over, self.running.values, mine.deadline):
            self._withdraw(mine)
            mine.fail(refusal('%s calls itself, and would wait for ever' % self.service.name()))
        elif not mine.is_wanted():
            self._withdraw(mine)
            mine.refuse(_TOO_LATE)

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
            except BaseException as e:  # an invoker of the user's
                fail(item, call_error(e))
                raise
            if not item.is_answered and item.wants_reply():
                self._await_answer(item)
            self.update_limit()
        else:
            item.refuse(_TOO_LATE)

    def execute(self, request):
        """Run the method and answer the request, whatever happens."""
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
        except BaseException as e:  # SystemExit too: it must neither end the thread nor leave the caller waiting
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
            return  # it was removed meanwhile, or the pool has stopped
        self.service.on_message_received(event)

    def _await_answer(self, request):
        """A method answers later: the end of the pool is the end of that too, while the method keeps the request."""
        with self._lock:
            if self._ended is None:
                self._unanswered.add(request)
                return
        request.refuse(self._ended)

    # -- the end, and what was

    def is_over(self):
        """Whether its pool has ended."""
        return self._ended is not None

    def end(self, reason):
        """Answer all that wait or run with ChannelError(reason), and take no more; what runs goes on unheard."""
        with self._lock:
            self._ended = reason
            requests = list(self.waiting) + list(self.running) + list(self._unanswered)
            self.waiting.clear()
        for request in requests:
            request.cancel()
            request.refuse(reason)

    def stats(self):
        """{method: {calls, failures, waiting, running, seconds}}: how often it has run, and for how long in all."""
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
    """Runs one call at a time, in strict order of arrival; a thread is borrowed only while calls wait.

    Events of the service's sources take their turn among the calls.
    """

    def max_running(self):
        return 1


class _Event(object):
    """Stands in the queue for an event of the service's select; nobody waits for an answer."""

    is_answered = True
    method = None

    def cancel(self):
        pass

    def refuse(self, reason):
        pass
