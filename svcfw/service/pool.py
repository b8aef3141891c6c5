"""Pool: a fixed number of threads that run the services of one context."""

import collections
import threading

from svcfw.core import handles
from svcfw.core.context import service_name
from svcfw.core.dispatch import call_error
from svcfw.core.latch import Latch
from svcfw.core.select import Select
from svcfw.core.wire.errors import ChannelError, DecodeError, Error, TimeoutError
from svcfw.service.activator import Activator
from svcfw.service.errors import PoolError, RefusedError, refusal
from svcfw.service.request import Request

DEFAULT_SIZE = 16
#: Requests that may wait for one service to be made.
MAX_PENDING = 10000

_ACTIVE, _CLOSED, _STOPPED = 'active', 'closed', 'stopped'


class Pool(object):
    """Serves CALL_SERVICE on a router with these services. A context manager: leaving it stops the pool.

    router; services: instances of Service; size: number of threads; activator: makes services that are asked for.
    PoolError for a second pool on a router.

    The last free thread goes only to a service none of whose calls run: one slow service does not starve the others.
    """

    def __init__(self, router, services=(), size=DEFAULT_SIZE, activator=None):
        if router.services is not None:
            raise PoolError('%s has a pool already: add the services to it' % router.name)
        self.router = router
        self.codec = router.codec
        self.clock = router.loop.clock
        self.size = size
        self._activator = activator or Activator()
        self._lock = threading.Lock()
        self._state = _ACTIVE
        self._invokers = {}
        self._pending = {}
        self._work = Latch(router.loop)
        self._ready = collections.OrderedDict()
        self._busy = 0
        self._select = Select(router.loop, oneshot=False)
        self._select.notify = lambda select: self._put(self._take_event)
        self._over = False
        router.services = self
        router.remove_handler(handles.CALL_SERVICE)  # the one that would have made a pool
        router.add_handler(self.accept, handles.CALL_SERVICE)
        router.add_handler(self._on_cancel, handles.CANCEL_SERVICE)
        router.on_shutdown(lambda: self.stop(join=False))
        for service in services:
            self.add(service)
        self._threads = [
            threading.Thread(target=self._main, name='svcfw-pool-%d' % i, daemon=True) for i in range(size)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.stop()

    def __repr__(self):
        return '<Pool of %s, %d threads, %s>' % (self.router.name, self.size, self._state)

    # -- services

    def add(self, service):
        """Serve a service from now on. PoolError for a name that is taken, and once the pool is closed."""
        name = service.name()
        invoker = service.invoker_class(service, self)
        with self._lock:
            self._require_active()
            if name in self._invokers:
                raise PoolError('there is a service %s already' % name)
            self._invokers[name] = invoker
        self._select.add(service.select)

    def get_service(self, name):
        """The instance for a name (str, or the class), made if need be. Blocks; not for loop callbacks."""
        name = service_name(name)
        while True:
            with self._lock:
                self._require_active()
                if name in self._invokers:
                    return self._invokers[name].service
                made = Latch(self.router.loop)
                starts = name not in self._pending
                self._pending.setdefault(name, []).append(made.put)
            if starts:
                self._activate(name)
            outcome = made.get()
            if isinstance(outcome, Exception):
                raise outcome

    def defer(self, function, *args, **kwargs):
        """Run a function on a thread of the pool, some time; what it raises is logged."""
        with self._lock:
            self._require_active()
        self._put(lambda: function(*args, **kwargs))

    def stats(self):
        """{service: {method: {calls, failures, waiting, running, seconds}}}"""
        with self._lock:
            invokers = dict(self._invokers)
        return {name: invoker.stats() for name, invoker in invokers.items()}

    # -- the end

    def close(self):
        """Accept no more; what waits is still carried out. `join` waits for that. Idempotent."""
        with self._lock:
            if self._state != _ACTIVE:
                return
            self._state = _CLOSED
        self._refuse_pending('the pool was closed')
        self._check_drained()

    def stop(self, join=True):
        """End now: all callers get ChannelError at once, `on_shutdown` of each service is called once. Idempotent.

        join: wait for the threads; one of them that calls this does not wait for itself.
        """
        with self._lock:
            first = self._state != _STOPPED
            self._state = _STOPPED
            invokers = list(self._invokers.values())
        if first:
            self._refuse_pending('the pool was stopped')
            for invoker in invokers:
                invoker.refuse_all('the pool was stopped')
            self._end()
        if join:
            self.join()

    def join(self):
        """Wait until no thread of the pool is left. Returns at once for each of its own threads."""
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def _end(self):
        with self._lock:
            if self._over:
                return
            self._over = True
        for handle in (handles.CALL_SERVICE, handles.CANCEL_SERVICE):
            self.router.remove_handler(handle)
        if self.router.closed is None:
            self.router.add_handler(self._refuse, handles.CALL_SERVICE)
        self._select.close()
        self._work.close('the pool was stopped')
        for invoker in list(self._invokers.values()):
            self._guard(invoker.service.on_shutdown)

    def _check_drained(self):
        """A closed pool ends when nothing is left to do."""
        with self._lock:
            drained = self._state == _CLOSED and not self._busy and self._work.empty()
        if drained and not any(invoker.is_waiting() or invoker.is_busy() for invoker in list(self._invokers.values())):
            self._end()

    def _require_active(self):
        if self._state != _ACTIVE:
            raise PoolError('the pool was %s' % self._state)

    # -- requests; loop thread, or a thread of the pool

    def accept(self, msg):
        """Take one CALL_SERVICE message."""
        if msg.is_dead:
            return
        try:
            name, method_name, timeout_s, arguments = _envelope(msg)
            with self._lock:
                if self._state != _ACTIVE:
                    raise ChannelError('the pool was %s' % self._state)
                invoker = self._invokers.get(name)
                if invoker is None:
                    self._await_activation(msg, name)
                    return
            self._submit(invoker, msg, method_name, timeout_s, arguments)
        except ChannelError as e:
            msg.refuse(str(e))
        except Error as e:
            msg.fail(refusal(e))

    def _submit(self, invoker, msg, method_name, timeout_s, arguments):
        method = invoker.method(msg, method_name)
        deadline = None if timeout_s is None else self.clock() + timeout_s
        request = Request(msg, method, arguments, deadline)
        if threading.current_thread() in self._threads:
            invoker.run_now(request)
        else:
            invoker.submit(request)

    def _await_activation(self, msg, name):
        """The service is not there: have it made once, however many ask. The lock is held."""
        if not self._activator.is_permitted(msg):
            raise RefusedError('there is no service %s, and context %d may not have it made' % (name, msg.src_id))
        waiting = self._pending.get(name)
        if waiting is None:
            waiting = self._pending[name] = []
            self._put(lambda: self._activate(name))
        if len(waiting) >= MAX_PENDING:
            raise RefusedError('%d calls wait for %s to be made' % (len(waiting), name))
        waiting.append(lambda outcome: self._activated(msg, outcome))

    def _activate(self, name):
        try:
            self.add(self._activator.activate(self.router, name))
            outcome = None
        except Exception as e:
            outcome = e if isinstance(e, Error) else call_error(e)
        with self._lock:
            waiting = self._pending.pop(name, [])
        for callback in waiting:
            callback(outcome)

    def _activated(self, msg, outcome):
        if outcome is None:
            self.accept(msg)
        elif isinstance(outcome, (PoolError, RefusedError)):
            msg.fail(refusal(outcome))
        elif isinstance(outcome, ChannelError):
            msg.refuse(str(outcome))
        else:
            msg.fail(outcome)

    def _refuse_pending(self, reason):
        with self._lock:
            pending, self._pending = self._pending, {}
        for callbacks in pending.values():
            for callback in callbacks:
                callback(ChannelError(reason))

    def _refuse(self, msg):
        msg.refuse('the pool was stopped')

    def _on_cancel(self, msg):
        if not msg.is_dead:
            reply_to = msg.value()
            for invoker in list(self._invokers.values()):
                invoker.cancel(msg.src_id, reply_to)

    # -- threads

    def schedule(self, invoker):
        """Calls wait at this invoker: give it a thread as soon as there is one for it. Any thread."""
        with self._lock:
            self._ready[invoker] = None
        self._put(self._serve)

    def _put(self, work):
        try:
            self._work.put(work)
        except ChannelError:
            pass  # stopped: whoever waits for it has been told

    def _main(self):
        while True:
            try:
                work = self._work.get()
            except ChannelError:
                return
            with self._lock:
                self._busy += 1
            try:
                self._guard(work)
            finally:
                with self._lock:
                    self._busy -= 1
                if self._state == _CLOSED:
                    self._check_drained()

    def _guard(self, function):
        try:
            function()
        except Exception as e:
            self.router.log(self.router, 40, '%s: %s' % (self.router.name, call_error(e)))

    def _serve(self):
        """Run requests until there is none that may have this thread: whoever ends one looks for the next."""
        while True:
            invoker = self._choose()
            if invoker is None:
                return
            invoker.work()

    def _choose(self):
        """The invoker whose turn it is."""
        with self._lock:
            is_last = self._busy >= self.size > 1
            for invoker in list(self._ready):
                if not invoker.is_waiting():
                    del self._ready[invoker]
                elif invoker.can_start() and not (is_last and invoker.is_busy()):
                    self._ready.move_to_end(invoker)
                    return invoker
        return None

    def _take_event(self):
        try:
            source = self._select.get_source(0)
            event = source.get_event(0)
        except Error:
            return  # another thread was faster
        for invoker in list(self._invokers.values()):
            if invoker.service.select is source:
                invoker.on_event(event)


def call(context, service, method, timeout=None, **arguments):
    """As context.call_service, with a deadline: after `timeout` seconds TimeoutError here, and the callee is told."""
    reply = context.request_service(service, method, arguments, timeout)
    try:
        return reply.get(timeout)
    except TimeoutError:
        reply.cancel()
        raise


def start_in_child(router, waiting):
    """Make the pool of a child context and hand it the messages that arrived before. Called by svcfw.core.entry."""
    pool = router.services or Pool(router)
    for msg in waiting:
        pool.accept(msg)


def _envelope(msg):
    """(service, method, time-out, encoded arguments) of a message. DecodeError."""
    value = msg.value()
    if type(value) is not tuple or len(value) != 4:
        raise DecodeError('no call of a service')
    name, method_name, timeout_s, arguments = value
    if type(name) is not str or type(method_name) is not str or type(arguments) is not bytes:
        raise DecodeError('no call of a service')
    if timeout_s is not None and type(timeout_s) not in (int, float):
        raise DecodeError('no call of a service')
    return name, method_name, timeout_s, arguments
