"""Pool: the services of one context and the threads that run them."""

import _thread
import collections
import threading
import weakref

from svcfw.core import handles, load
from svcfw.core.calls.caller import service_name, within
from svcfw.core.dispatch import call_error, fail
from svcfw.core.latch import Latch
from svcfw.core.receivers.select import Select
from svcfw.core.wire.errors import ChannelError, DecodeError, Error, TimeoutError
from svcfw.service.activation import Activation
from svcfw.service.activator import Activator
from svcfw.service.errors import PoolError, RefusedError, refusal
from svcfw.service.limits import Held
from svcfw.service.request import Request
from svcfw.service.service import Service
from svcfw.service.workers import Workers, WorkQueue

DEFAULT_SIZE = 16
#: How long an ending context waits for running `on_shutdown` methods.
ON_SHUTDOWN_S = 5.0
#: Calls that may wait for the activation of one service.
MAX_PENDING = 10000

_ACTIVE, _CLOSED, _STOPPED = 'active', 'closed', 'stopped'
#: Guards the assignment of a router's pool; never held while user code runs.
making = threading.RLock()


class Pool(object):
    """Serves CALL_SERVICE on a router with these services. A context manager: leaving it stops the pool.

    router; services: instances of Service; size: number of threads; activator: creates services on demand;
    limits: {service name: {'max_running': int or None, 'max_waiting': int}}, overrides the class attributes.
    Raises PoolError for a second pool on a router, two services of one name, an invalid service or limit, and threads
    that cannot be started. After an error the router is unchanged.

    Services take turns. With more than one service (or if a parent may activate more) the last free thread is
    reserved for a service with no running call, so a slow service does not starve the others.
    """

    def __init__(self, router, services=(), size=DEFAULT_SIZE, activator=None, limits=None):
        if type(size) is not int or size < 1:
            raise PoolError('pool size must be an int of at least 1, not %r' % (size,))
        self.router = router
        self.size = size
        self._limits = load('svcfw.service.limits').checked(limits) if limits else {}
        self._activator = activator or Activator()
        self._state = _ACTIVE
        #: By name; a service with several names has one invoker.
        self._invokers = {}
        self._activations = {}
        #: Calls (Message) that wait for the activation of their service.
        self._awaiting = set()
        self._held = Held(router)
        self._requests = weakref.WeakValueDictionary()  # those that were not answered at once, by their origin
        self._deferred = _Deferred()
        self._select = Select(router.loop, oneshot=False)
        self._select.notify = self._on_event
        self._end_lock = _thread.allocate_lock()
        self._has_begun_to_end = False
        #: The thread that runs `on_shutdown` methods now, and the latches of those that wait for it.
        self._ending_thread = None
        self._ended = Latch(router.loop)
        #: (Message, time of arrival) of calls that arrive while the services are added; None from then on.
        self._early = []  # type: list | None
        self._require_free_router()
        try:
            self._workers = Workers(router.loop, size, self._log_error, self._spares_a_thread)
        except RuntimeError as e:
            raise PoolError('%s: cannot start %d threads: %s' % (router.name, size, e))
        self._lock = self._workers.lock
        self._claim_router()
        try:
            for service in services:
                self.add(service)
            # Replaces the handler that would create a pool, or refuses calls after the last one.
            router.remove_handler(handles.CALL_SERVICE)
            router.remove_handler(handles.CANCEL_SERVICE)
            router.add_handler(self.accept, handles.CALL_SERVICE)
            router.add_handler(self.cancel, handles.CANCEL_SERVICE)
        except BaseException:
            self._state = _STOPPED
            self._end()
            raise
        self._take_early()
        router.on_shutdown(lambda: self.stop(join=False))

    def _require_free_router(self):
        if self.router.services is not None:
            raise PoolError('%s already has a pool: add services to that one' % self.router.name)

    def _claim_router(self):
        try:
            with making:
                self._require_free_router()
                self.router.services = self
        except PoolError:
            self._workers.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.stop()

    def __repr__(self):
        return '<Pool of %s, %d threads, %s>' % (self.router.name, self.size, self._state)

    # -- services; any thread

    def add(self, service):
        """Serve another service from now on. Raises PoolError for a name in use, and once the pool is closed.

        After an error the pool is unchanged.
        """
        name = service.name() if hasattr(service, 'name') else type(service).__name__
        self._add(name, service)

    def _add(self, name, service):
        _require_service(name, service)
        for limit, value in self._limits.get(name, {}).items():
            setattr(service, limit, value)
        made = service.invoker_class(service, self._workers)
        with self._lock:
            self._require_active()
            if name in self._invokers:
                raise PoolError('service name %s is already in use' % name)
            invoker = self._invoker_of(service, name) or made
            self._invokers[name] = service.invoker = invoker
        if invoker is made:
            self._listen(name, service)

    def _invoker_of(self, service, name):
        """The invoker of a service already served under another name, or None. The lock is held. Raises PoolError."""
        invoker = service.invoker
        if invoker is None or invoker.is_over():
            return None
        if invoker not in self._invokers.values():
            raise PoolError('%s is already served by another pool' % name)
        return invoker

    def _listen(self, name, service):
        """Watch the sources of a new service."""
        try:
            self._select.add(service.select)
        except ChannelError:
            pass  # the pool has just been stopped
        except BaseException:
            with self._lock:
                self._invokers.pop(name, None)
                service.invoker = None
            raise

    def _each_invoker(self):
        """Each invoker once, in the order in which the services were added."""
        with self._lock:
            return list(collections.OrderedDict.fromkeys(self._invokers.values()))

    def get_service(self, name):
        """The instance for a name (str, or the class), activated if need be. Blocks; not for loop callbacks.

        Raises PoolError once the pool is closed, RefusedError, or what the activation raised.
        """
        name = service_name(name)
        with self._lock:
            self._require_active()
            if name in self._invokers:
                return self._invokers[name].service
            activation = self._activation(name)
        if not activation.complete():
            raise PoolError('activation of %s waits for itself: deadlock' % name)
        if activation.error is not None:
            raise activation.error
        return self._invokers[name].service

    def defer(self, function, *args, **kwargs):
        """Queue a function for a thread of the pool; an exception is logged. Raises PoolError once closed."""
        with self._lock:
            self._require_active()
            self._deferred.waiting.append(_Call(function, args, kwargs))
            self._workers.schedule(self._deferred)

    def stats(self):
        """{service: {method: {calls, failures, waiting, running, seconds}}}"""
        with self._lock:
            invokers = dict(self._invokers)
        return {name: invoker.stats() for name, invoker in invokers.items()}

    def _require_active(self):
        if self._state != _ACTIVE:
            raise PoolError('the pool was %s' % self._state)

    def _spares_a_thread(self):
        return self.size > 1 and (bool(self.router.parent_ids) or len(self._invokers) + len(self._activations) > 1)

    # -- the end; any thread

    def close(self):
        """Accept no more calls; the pool ends when queued ones are done (`join` waits for that). Idempotent."""
        with self._lock:
            if self._state != _ACTIVE:
                return
            self._state = _CLOSED
            activations = list(self._activations.values())
        for activation in activations:
            activation.give_up(ChannelError('the pool was closed'))
        self._workers.drain(self._end)

    def stop(self, join=True):
        """End now: all callers get ChannelError at once, `on_shutdown` of each service is called once. Idempotent.

        Services shut down in reverse order. Returns when all have; if another thread is shutting down, after at most
        ON_SHUTDOWN_S. join: also wait for the threads, which end with their running methods. A pool thread does not.
        """
        with self._lock:
            self._state = _STOPPED
        self._end()
        self._await_end()
        if join:
            self.join()

    def _await_end(self):
        if self._ending_thread != _thread.get_ident():
            try:
                self._ended.get(ON_SHUTDOWN_S)
            except (ChannelError, TimeoutError):
                pass

    def join(self):
        """Wait until all threads of the pool have ended, after `close` or `stop`. On a pool thread returns at once."""
        self._workers.join()

    def _end(self):
        """Answer all callers, then shut down the services, latest first. Results of running calls are discarded."""
        with self._end_lock:
            begins, self._has_begun_to_end = not self._has_begun_to_end, True
        if not begins:
            return
        self._ending_thread = _thread.get_ident()
        self.router.services = None
        with self._lock:
            self._state = _STOPPED
            activations = list(self._activations.values())
            early, self._early = self._early or (), None
        for msg, _ in early:
            msg.refuse('the pool was stopped')
        invokers = self._each_invoker()
        self.router.remove_handler(handles.CANCEL_SERVICE)
        self.router.remove_handler(handles.CALL_SERVICE)
        if self.router.closed is None:
            self.router.add_handler(_refuse, handles.CALL_SERVICE)
        for activation in activations:
            activation.give_up(ChannelError('the pool was stopped'))
        for invoker in invokers:
            invoker.end('the pool was stopped')
        self._select.close()
        self._workers.end()
        for invoker in reversed(invokers):
            try:
                invoker.service.on_shutdown()
            except BaseException as e:  # SystemExit of one must not skip the others
                self._log_error(e)
        self._ending_thread = None
        self._ended.close('the end')

    # -- requests

    def accept(self, msg, arrived=None):
        """Take one CALL_SERVICE message of another context, or of a thread outside of the pool. Loop thread.

        arrived: time of arrival on the loop's clock if not now; its deadline counts from then.
        """
        try:
            self._held.admit(msg)
        except RefusedError as e:
            msg.fail(refusal(e))
            return
        if self._early is None or not self._keep(msg, arrived):
            self._accept(msg, self._submit, arrived)

    def _keep(self, msg, arrived):
        """Keep a message that arrives before all initial services are added; returns whether it was kept."""
        with self._lock:
            if self._early is not None:
                self._early.append((msg, self.router.loop.clock() if arrived is None else arrived))
            return self._early is not None

    def _take_early(self):
        while True:
            with self._lock:
                if not self._early:
                    self._early = None
                    return
                msg, arrived = self._early.pop(0)
            self._accept(msg, self._submit, arrived)

    def accept_own(self, msg):
        """Take one message of this context. On a pool thread the call is run before this returns."""
        self._accept(msg, self._run_here if self._workers.has(_thread.get_ident()) else self._submit)

    def _accept(self, msg, pass_on, arrived=None):
        if msg.is_dead:
            return  # a dead message (a sender is gone): nothing to do
        self._pass_on(pass_on, msg, lambda: _envelope(msg, self.router.loop.clock() if arrived is None else arrived))

    def _pass_on(self, pass_on, msg, envelope):
        try:
            pass_on(msg, envelope())
        except ChannelError as e:
            msg.refuse(str(e))
        except Error as e:
            msg.fail(refusal(e))
        except BaseException as e:  # raised by a user's activator or invoker
            fail(msg, call_error(e))

    def _submit(self, msg, envelope):
        if envelope[0] not in self._invokers:
            if self._state != _ACTIVE:
                raise ChannelError('the pool was %s' % self._state)
            self._require_permission(msg, envelope[0])
        with self._lock:
            if self._state != _ACTIVE:
                raise ChannelError('the pool was %s' % self._state)
            invoker = self._invokers.get(envelope[0])
            if invoker is None:
                self._await_activation(msg, envelope)
                return
        self._hand_over(invoker.submit, invoker, msg, envelope)

    def _run_here(self, msg, envelope):
        if envelope[0] not in self._invokers:
            self._require_permission(msg, envelope[0])
        try:
            service = self.get_service(envelope[0])
        except PoolError as e:
            raise ChannelError(str(e))
        except Exception as e:
            msg.fail(_failure(e))
            return
        self._hand_over(service.invoker.run_here, service.invoker, msg, envelope)

    def _hand_over(self, take, invoker, msg, envelope):
        _, method_name, deadline, arguments = envelope
        method = invoker.method(msg, method_name)
        request = Request(msg, method, arguments, deadline)
        try:
            take(request)
            if not request.is_answered and request.wants_reply():
                self._requests[_origin(msg)] = request
        except ChannelError as e:
            request.refuse(str(e))
        except Error as e:
            request.fail(refusal(e))
        except BaseException as e:  # raised by a user's invoker
            fail(request, call_error(e))

    def _await_activation(self, msg, envelope):
        """Queue the call until its service is activated, once for all callers. The lock is held."""
        name = envelope[0]
        activation = self._activation(name)
        if len(activation) >= MAX_PENDING:
            raise RefusedError('activation of %s: queue full, %d calls are waiting' % (name, len(activation)))

        def go_on(error):
            with self._lock:
                if msg.wants_reply() and _origin(msg) not in self._awaiting:
                    return  # it was cancelled
                self._awaiting.discard(_origin(msg))
            if error is None:
                self._pass_on(self._submit, msg, lambda: envelope)
            elif isinstance(error, ChannelError):
                msg.refuse(str(error))
            else:
                msg.fail(_failure(error))

        if msg.wants_reply():
            self._awaiting.add(_origin(msg))
        activation.when_over(go_on)
        self._workers.schedule(activation)

    def _require_permission(self, msg, name):
        if not self._activator.is_permitted(msg):
            raise RefusedError('no service %s, and context %d is not permitted to activate it' % (name, msg.src_id))

    def _activation(self, name):
        activation = self._activations.get(name)
        if activation is None:
            activation = self._activations[name] = Activation(self._workers, lambda: self._make(name))
        return activation

    def _make(self, name):
        try:
            self._add(name, self._activator.activate(self.router, name))
        finally:
            with self._lock:
                self._activations.pop(name, None)

    def cancel(self, msg):
        """Take one CANCEL_SERVICE message. Loop thread."""
        if not msg.is_dead:
            reply_to = msg.small_value()
            with self._lock:
                self._awaiting.discard((msg.src_id, reply_to))
                self._early = self._early and [
                    each for each in self._early if not each[0].is_from(msg.src_id, reply_to)
                ]
            request = self._requests.get((msg.src_id, reply_to))
            if request is not None:
                request.cancel()

    # -- events of the services' sources; any thread

    def _on_event(self, select):
        """A service's select has data: queue an event for that service."""
        try:
            source = select.get_source(0)
        except Error:
            return
        for invoker in self._each_invoker():
            if invoker.service.select is source:
                invoker.submit_event()

    def _log_error(self, error):
        self.router.log(self.router, 40, '%s: %s' % (self.router.name, call_error(error)))


class _Deferred(WorkQueue):
    """Queue of the functions given to `Pool.defer`."""

    def run(self, item):
        item.function(*item.args, **item.kwargs)


class _Call(object):
    def __init__(self, function, args, kwargs):
        self.function = function
        self.args = args
        self.kwargs = kwargs


def call(context, service_name, method_name, timeout=None, **arguments):
    """context.call_service with a deadline: after `timeout` seconds raises TimeoutError and tells the callee.

    A later answer is discarded.
    """
    began = context.router.loop.clock()
    reply = context.request_service(service_name, method_name, arguments, timeout)
    return within(context, method_name, reply, timeout, began)


def start_in_child(router, waiting):
    """Create the pool of a child context and pass it the messages received so far. Called by svcfw.core.entry."""
    with making:
        pool = router.services or Pool(router)
    for msg, arrived in waiting:
        pool.accept(msg, arrived)


def _origin(msg):
    """What tells a call that waits for its answer from all others."""
    return msg.src_id, msg.frame.reply_to


def _require_service(name, service):
    """Raise PoolError, saying what is wrong, unless `service` can be served."""
    if not isinstance(service, Service):
        wanted = (
            'an instance: write services=[%s(router)]' % service.__name__ if isinstance(service, type) else 'a Service'
        )
        raise PoolError('%s cannot be served: expected %s, got %r' % (name, wanted, service))
    if getattr(service, 'select', None) is None:
        raise PoolError('%s cannot be served: its __init__ does not call super().__init__(router)' % name)


def _refuse(msg):
    msg.refuse('the pool was stopped')


def _failure(error):
    """The CallError for an exception of an activation."""
    return refusal(error) if isinstance(error, (PoolError, RefusedError)) else call_error(error)


def _envelope(msg, arrived):
    """(service, method, deadline, encoded arguments) of a message; leaves the arguments encoded. Raises DecodeError."""
    value = msg.small_value()
    if type(value) is not tuple or len(value) != 4:
        raise DecodeError('malformed service call: expected 4 fields')
    name, method_name, timeout_s, arguments = value
    if type(name) is not str or type(method_name) is not str or type(arguments) is not bytes:
        raise DecodeError('malformed service call: service and method must be str')
    if timeout_s is not None and type(timeout_s) not in (int, float):
        raise DecodeError('malformed service call: timeout must be a number of seconds')
    return name, method_name, None if timeout_s is None else arrived + timeout_s, arguments
