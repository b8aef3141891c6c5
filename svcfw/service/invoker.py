"""Invokers: how the calls of one service are run on the threads of a pool."""

import _thread
import collections

from svcfw.core.dispatch import call_error
from svcfw.core.wire.errors import CallError
from svcfw.service.errors import RefusedError, refusal
from svcfw.service.exposed import find_exposed


class Invoker(object):
    """Runs calls concurrently, in the order of their arrival, as far as threads and `Service.max_running` go.

    Subclasses override `_may_start`, `_run`. pool.schedule(invoker) asks for a thread, which then calls `work()`.
    """

    def __init__(self, service, pool):
        self.service = service
        self._pool = pool
        self._methods = find_exposed(service)
        self._lock = _thread.allocate_lock()
        self._waiting = collections.deque()
        self._running = {}
        self._counts = {name: [0, 0, 0.0] for name in self._methods}

    # -- arrival; loop thread, or a thread of the pool that calls its own context

    def method(self, msg, name):
        """The Exposed method, for whom `msg` says. RefusedError if there is none, or not for him."""
        method = self._methods.get(name)
        if method is None:
            raise RefusedError('%s has no exposed method %s' % (self.service.name(), name))
        if not method.is_authorized(msg):
            raise RefusedError('%s.%s: context %d is not allowed to call it' % (self.service.name(), name, msg.src_id))
        return method

    def submit(self, request):
        """Take a request, to be run when its turn comes. RefusedError when too many wait."""
        with self._lock:
            if len(self._waiting) >= self.service.max_waiting:
                raise RefusedError('%s: %d calls are waiting already' % (self.service.name(), len(self._waiting)))
            self._waiting.append(request)
        self._pool.schedule(self)

    def cancel(self, src_id, reply_to):
        """The caller waits no more: forget his request, or tell the running method by `msg.cancelled`."""
        for request in list(self._waiting) + list(self._running):
            if request.is_from(src_id, reply_to):
                request.cancel()

    # -- threads of the pool

    def work(self):
        """Run one waiting request, if one may start. Returns whether there was one."""
        request = self._next()
        if request is None:
            return False
        try:
            if request.is_wanted(self._pool.clock()):
                self._run(request)
            else:
                request.refuse('nobody waits for the answer any more')
        finally:
            self._finished(request)
        return True

    def run_now(self, request):
        """Run a request of a thread of the pool on that thread: it must not wait for another one."""
        with self._lock:
            self._running[request] = _thread.get_ident()
        try:
            self._run(request)
        finally:
            self._finished(request)
            if self._waiting:
                self._pool.schedule(self)

    def is_waiting(self):
        return bool(self._waiting)

    def can_start(self):
        """Whether a request waits that may run now."""
        with self._lock:
            return bool(self._waiting) and self._may_start()

    def is_busy(self):
        return bool(self._running)

    def on_event(self, event):
        """One of the service's own sources has something."""
        self.service.on_message_received(event)

    def _may_start(self):
        limit = self.service.max_running
        return limit is None or len(self._running) < limit

    def _next(self):
        with self._lock:
            if not self._waiting or not self._may_start():
                return None
            request = self._waiting.popleft()
            self._running[request] = _thread.get_ident()
            return request

    def _finished(self, request):
        with self._lock:
            del self._running[request]

    def _run(self, request):
        """Carry a request out and answer it, whatever happens."""
        outcome = self._execute(request)
        if isinstance(outcome, _Failure):
            request.fail(outcome.error)
        else:
            request.reply(outcome)

    def _execute(self, request):
        """What the method returned, or a _Failure."""
        counts = self._counts[request.name]
        started = self._pool.clock()
        failed = True
        try:
            value = request.method.run(request.arguments(), request.msg)
            failed = False
            return value
        except Exception as e:
            return _Failure(e if isinstance(e, CallError) else call_error(e))
        finally:
            with self._lock:
                counts[0] += 1
                counts[1] += failed
                counts[2] += self._pool.clock() - started

    # -- the end, and what was

    def refuse_all(self, reason):
        """Answer all that wait or run with ChannelError(reason); what runs goes on unheard."""
        with self._lock:
            requests = list(self._waiting) + list(self._running)
            self._waiting.clear()
        for request in requests:
            request.refuse(reason)

    def stats(self):
        """{method: {calls, failures, waiting, running, seconds}}"""
        with self._lock:
            waiting = collections.Counter(request.name for request in self._waiting)
            running = collections.Counter(request.name for request in self._running)
            return {
                name: {
                    'calls': calls,
                    'failures': failures,
                    'seconds': seconds,
                    'waiting': waiting[name],
                    'running': running[name],
                }
                for name, (calls, failures, seconds) in self._counts.items()
            }


class SerializedInvoker(Invoker):
    """Runs one call at a time, in the order of arrival; a thread is borrowed only while calls wait.

    Events of the service's sources take their turn among the calls.
    """

    def on_event(self, event):
        self._waiting.append(_EventRequest(event))
        self._pool.schedule(self)

    def run_now(self, request):
        if self._running:
            holder = next(iter(self._running.values()), None)
            if holder == _thread.get_ident():
                request.fail(refusal('%s calls itself, and would wait for ever' % self.service.name()))
            else:
                self.submit(request)
            return
        Invoker.run_now(self, request)

    def _may_start(self):
        return not self._running

    def _run(self, request):
        if isinstance(request, _EventRequest):
            Invoker.on_event(self, request.event)
        else:
            Invoker._run(self, request)


class _EventRequest(object):
    """An event that waits for its turn as requests do; nobody waits for an answer."""

    name = ''

    def __init__(self, event):
        self.event = event

    def is_wanted(self, now):
        return True

    def is_from(self, src_id, reply_to):
        return False

    def refuse(self, reason):
        pass


class _Failure(object):
    """The outcome of a method that raised."""

    __slots__ = ('error',)

    def __init__(self, error):
        self.error = error
