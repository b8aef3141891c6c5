"""DeduplicatingInvoker: the same call is executed once, and everybody gets its outcome."""

import weakref

from svcfw.core.wire.errors import ChannelError
from svcfw.service.errors import RefusedError, refusal
from svcfw.service.invoker import Invoker
from svcfw.service.request import Request
from svcfw.service.results import Results, Store, call_key


class DeduplicatingInvoker(Invoker):
    """One execution for each distinct (method, arguments): callers that come meanwhile hold no thread and get its value
    or its failure; those that come later get the kept one, as far as `Service.results` (Results) goes.

    What is distinct is decided by the values and their types, in the form in which they travel.
    """

    def __init__(self, service, workers):
        Invoker.__init__(self, service, workers)
        router = service.router
        self._encode = router.codec.encode
        self._store = Store(service.results or Results(), router.loop.clock)
        # Not what keeps an execution alive: one that its method has forgotten must end.
        self._executions = weakref.WeakValueDictionary()
        #: Executions under way whose outcome is not for those who call from now on.
        self._forgotten = weakref.WeakSet()
        self._callers = 0

    def forget(self, method_name=None, arguments=None):
        """Drop outcomes: of one call, of one method (arguments None), or all. Any thread.

        An execution that is under way goes on for those who wait for it, and its outcome is not kept: what it has read
        may be what is to be forgotten. Who calls from now on has it executed anew.
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

    def submit(self, request):
        self.update_limit()
        key = self._key(request)
        with self._lock:
            outcome = self._store.get(key)
            if outcome is None:
                execution = self._join(key, request)
                if len(execution.callers) == 1:
                    self._workers.schedule(self)
        if outcome is not None:
            request.answer(*outcome)

    def run_here(self, request):
        key = self._key(request)
        starts = False
        with self._lock:
            outcome = self._store.get(key)
            if outcome is None:
                execution = self._join(key, request)
                starts = execution in self.waiting
                if starts:
                    self._begin_waiting(execution)
        if outcome is not None:
            request.answer(*outcome)
        elif starts:
            self._workers.carry_out(self, execution)
        else:
            self._wait_for(execution, request)

    def broadcast(self, execution, flags, payload):
        """Tell all callers of an execution its outcome, and keep it."""
        with self._lock:
            if self._executions.get(execution.key) is execution:
                del self._executions[execution.key]
            if not (execution.is_forgotten or execution.cancelled):  # of a cancelled one the method may have given up
                self._store.put(execution.key, flags, payload)
            self._callers -= len(execution.callers)
        for request in execution.callers:
            request.answer(flags, payload)

    def _key(self, request):
        return call_key(request.method.name, request.arguments(), self._encode)

    def _join(self, key, request):
        """The execution that will answer a caller, queued if there is none to join. The lock is held."""
        if self._ended is not None:
            raise ChannelError(self._ended)
        if self._callers >= self.service.max_waiting:
            raise RefusedError('%s: %d callers are waiting already' % (self.service.name(), self._callers))
        execution = self._executions.get(key)
        if execution is None or execution.cancelled:
            execution = _Execution(self, key, request)
            self.waiting.append(execution)
            self._executions[key] = execution
        execution.callers.append(request)
        self._callers += 1
        return execution

    def _wait_for(self, execution, request):
        """Another thread has it; unless that one waits for this one."""

        def is_over():
            return request.is_answered or execution not in self.running

        def holders():
            return [self.running[execution]]

        if not self._workers.block(is_over, holders, request.deadline):
            name = '%s.%s' % (self.service.name(), request.method.name)
            request.fail(refusal('%s calls itself, and would wait for ever' % name))

    def _names(self, items):
        names = Invoker._names(self, items)
        if items is self.waiting:  # those who wait for a running one wait too
            names += [each.method.name for each in self._executions.values() for _ in each.callers[1:]]
        return names


class _Execution(Request):
    """A call on behalf of all its callers; what is answered to it is answered to them."""

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
