"""DeduplicatingInvoker: runs equal calls once and gives every caller the outcome."""

import weakref

from svcfw.core.wire.errors import ChannelError
from svcfw.service.errors import RefusedError, refusal
from svcfw.service.invoker import Invoker
from svcfw.service.request import Request
from svcfw.service.results import ResultCache, Results, call_key


class DeduplicatingInvoker(Invoker):
    """Runs each distinct (method, arguments) once. Callers that come while it runs hold no thread and get its outcome;
    later ones get the cached outcome as long as `Service.results` (Results) keeps it.

    Two calls are equal if their encoded arguments are: values and types count, the order of keys does not.
    """

    def __init__(self, service, workers):
        Invoker.__init__(self, service, workers)
        router = service.router
        self._encode = router.codec.encode
        self._store = ResultCache(service.results or Results(), router.loop.clock)
        # Weak: an execution whose method has dropped it without an answer must end.
        self._executions = weakref.WeakValueDictionary()
        #: Executions under way whose outcome later callers must not get.
        self._forgotten = weakref.WeakSet()
        self._callers = 0

    def forget(self, method_name=None, arguments=None):
        """Drop cached outcomes: of one call, of one method (arguments None), or all. Any thread.

        An execution under way continues for its present callers, but its outcome is not cached: it may have read stale
        data. Later callers start a new execution.
        """
        wanted = None if arguments is None else call_key(method_name, arguments, self._encode)

        def is_meant(key):
            return method_name in (None, key[0]) and wanted in (None, key)

        with self._lock:
            self._store.forget(is_meant)
            for execution in list(self._executions.values()):
                if is_meant(execution.key) and execution not in self.waiting:
                    execution.is_forgotten = True
                    del self._executions[execution.key]
                    self._forgotten.add(execution)

    def enqueue(self, request):
        key = self._key(request)
        with self._lock:
            outcome = self._store.get(key)
            if outcome is None:
                return self._join(key, request)
        request.answer(*outcome)
        return None

    def _is_new(self, mine):
        return len(mine.callers) == 1

    def _next_before(self, mine):
        """An execution that waits runs at once on the thread of a caller; others need not come first."""
        return mine if mine in self.waiting else None

    def broadcast(self, execution, flags, payload):
        """Send the outcome of an execution to all its callers, and cache it."""
        with self._lock:
            if self._executions.get(execution.key) is execution:
                del self._executions[execution.key]
            if not (execution.is_forgotten or execution.cancelled):  # its method may have given up
                self._store.put(execution.key, flags, payload)
            self._callers -= len(execution.callers)
        for request in execution.callers:
            request.answer(flags, payload)

    def _key(self, request):
        return call_key(request.method.name, request.arguments(), self._encode)

    def _join(self, key, request):
        """The execution that answers `request`; a new one is queued if there is none to join. The lock is held."""
        if self._ended is not None:
            raise ChannelError(self._ended)
        if self._callers >= self.service.max_waiting:
            raise RefusedError('%s: queue full, %d callers are waiting' % (self.service.name(), self._callers))
        execution = self._executions.get(key)
        if execution is None or execution.cancelled:
            execution = _Execution(self, key, request)
            self.waiting.append(execution)
            self._executions[key] = execution
        execution.callers.append(request)
        self._callers += 1
        return execution

    def _wait_for_change(self, execution, request):
        """Block until another thread has run the execution, unless that thread waits for this one (deadlock)."""

        def is_over():
            return request.is_answered or execution not in self.running

        def holders():
            return [self.running[execution]]

        if not self._workers.block(is_over, holders, request.deadline):
            name = '%s.%s' % (self.service.name(), request.method.name)
            request.fail(refusal('%s calls itself: deadlock' % name))
        return False

    def _names(self, items):
        names = Invoker._names(self, items)
        if items is self.waiting:  # callers of a running execution count as waiting too
            names += [each.method.name for each in self._executions.values() for _ in each.callers[1:]]
        return names


class _Execution(Request):
    """One call on behalf of several callers: its answer goes to all of them."""

    __slots__ = ('_invoker', 'callers', 'is_forgotten', 'key')

    def __init__(self, invoker, key, request):
        Request.__init__(self, request, request.method, request.encoded_arguments, None)
        self._invoker = invoker
        self.key = key
        self.is_forgotten = False
        self.callers = []

    @property
    def cancelled(self):
        return self._cancelled or all(request.cancelled for request in self.callers)

    def wants_reply(self):
        return True

    def _transmit(self, flags, payload):
        self._invoker.broadcast(self, flags, payload)
