"""Pool: the services of one context and the threads that run them.

A call comes in on the loop's thread (`accept`), or from a thread of this context (`accept_own`), and takes one way:

    _serve      decodes the envelope; from here on every exception becomes the caller's answer
    _route      finds the invoker of the service, or leaves the call to the activations
    _hand_over  asks the policies, and makes the Request
    Invoker     submit: a thread of the workers runs it; run_here: the calling thread does, being one of them

All queues are guarded by the workers' lock, which is never held while anything of the user's runs.
"""

import _thread
import collections
import threading
import weakref

from svcfw.core import handles
from svcfw.core.calls.caller import service_name
from svcfw.core.dispatch import call_error, fail
from svcfw.core.latch import Latch
from svcfw.core.receivers.select import Select
from svcfw.core.wire.errors import ChannelError, Error, TimeoutError
from svcfw.service.activation import Activations
from svcfw.service.activator import Activator
from svcfw.service.errors import PoolError, RefusedError, refusal
from svcfw.service.limits import Held, checked
from svcfw.service.request import Envelope, Request
from svcfw.service.service import require_servable
from svcfw.service.workers import Deferred, Workers

DEFAULT_SIZE = 16
#: How long an ending context waits for running `on_shutdown` methods.
ON_SHUTDOWN_S = 5.0

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
        self._limits = checked(limits) if limits else {}
        self._state = _ACTIVE
        #: By name; a service with several names has one invoker.
        self._invokers = {}
        #: How many bytes of calls wait or run.
        self._held = Held(router)
        #: {origin: Request} of those that were not answered at once, to be cancelled.
        self._requests = weakref.WeakValueDictionary()
        #: The functions of `defer`.
        self._deferred = Deferred()
        #: The sources of all services, for events.
        self._select = Select(router.loop, oneshot=False)
        self._select.notify = self._on_event
        self._end_lock = _thread.allocate_lock()
        self._has_begun_to_end = False
        #: The thread that runs `on_shutdown` methods now, and the latches of those that wait for it.
        self._ending_thread = None
        self._ended = Latch(router.loop)
        self._require_free_router()
        try:
            self._workers = Workers(router.loop, size, self._log_error, self._spares_a_thread)
        except RuntimeError as e:
            raise PoolError('%s: cannot start %d threads: %s' % (router.name, size, e))
        self._lock = self._workers.lock
        self._activations = Activations(router, self._workers, activator or Activator(), self._add)
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
        self._activations.let_early_ones_in(self._serve)
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
        require_servable(name, service)
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
            activation = self._activations.of(name)
        self._activations.complete(activation, name)
        return self._invokers[name].service

    def defer(self, function, *args, **kwargs):
        """Queue a function for a thread of the pool; an exception is logged. Raises PoolError once closed."""
        with self._lock:
            self._require_active()
            self._deferred.put(function, args, kwargs)
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
        self._activations.give_up('the pool was closed')
        self._workers.drain(self._end)

    def stop(self, join=True):
        """End now: all callers get ChannelError at once, `on_shutdown` of each service is called once. Idempotent.

        Services shut down in reverse order. Returns when all have; if another thread is shutting down, after at most
        ON_SHUTDOWN_S. join: also wait for the threads, which end with their running methods. A pool thread does not.
        """
        with self._lock:
            self._state = _STOPPED
        self._end()
        if self._ending_thread != _thread.get_ident():
            try:
                self._ended.get(ON_SHUTDOWN_S)
            except (ChannelError, TimeoutError):
                pass
        if join:
            self.join()

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
        invokers = self._each_invoker()
        self.router.remove_handler(handles.CANCEL_SERVICE)
        self.router.remove_handler(handles.CALL_SERVICE)
        if self.router.closed is None:
            self.router.add_handler(_refuse, handles.CALL_SERVICE)
        self._activations.give_up('the pool was stopped')
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
        if arrived is None:
            arrived = self.router.loop.clock()
        if not self._activations.keeps_early(msg, arrived):
            self._serve(msg, arrived)

    def accept_own(self, msg):
        """Take one message of this context. On a pool thread the call is run before this returns."""
        self._serve(msg, self.router.loop.clock(), here=self._workers.has(_thread.get_ident()))

    def _serve(self, msg, arrived, here=False):
        """Have a call carried out, on the calling thread if `here`. Whatever is wrong with it is its answer."""
        if msg.is_dead:
            return  # a dead message (a sender is gone): nothing to do
        try:
            envelope = Envelope(msg, arrived)
        except Error as e:
            msg.fail(refusal(e))
            return
        self._route(envelope, here)

    def _route(self, envelope, here=False):
        """Find the invoker of a call, which may have to be made first."""
        msg = envelope.msg
        try:
            if envelope.service not in self._invokers:
                if not here:
                    self._require_open()
                self._activations.require_permission(msg, envelope.service)
            invoker = self._invoker_here(envelope) if here else self._invoker(envelope)
            if invoker is not None:
                self._hand_over(invoker, envelope, here)
        except BaseException as e:  # a user's activator may raise anything
            _answer_with(msg, e)

    def _require_open(self):
        if self._state != _ACTIVE:
            raise ChannelError('the pool was %s' % self._state)

    def _invoker(self, envelope):
        """The invoker of a call; None: it waits for the activation of its service."""
        with self._lock:
            self._require_open()
            invoker = self._invokers.get(envelope.service)
            if invoker is None:
                self._activations.wait_for(envelope, lambda error: self._go_on(envelope, error))
            return invoker

    def _go_on(self, envelope, error):
        """The activation for which a call has waited is over."""
        if error is None:
            self._route(envelope)
        elif isinstance(error, ChannelError):
            envelope.msg.refuse(str(error))
        else:
            envelope.msg.fail(_failure(error))

    def _invoker_here(self, envelope):
        """The invoker of a call on a pool thread, which makes the service itself; None: it failed, and was told."""
        try:
            return self.get_service(envelope.service).invoker
        except PoolError as e:
            raise ChannelError(str(e)) from None
        except Exception as e:
            envelope.msg.fail(_failure(e))
            return None

    def _hand_over(self, invoker, envelope, here):
        """Ask the policies, and give the invoker the Request."""
        msg = envelope.msg
        request = Request(msg, invoker.method(msg, envelope.method), envelope.arguments, envelope.deadline)
        try:
            if here:
                invoker.run_here(request)
            else:
                invoker.submit(request)
            if not request.is_answered and request.wants_reply():
                self._requests[envelope.origin] = request
        except BaseException as e:  # a user's invoker may raise anything
            _answer_with(request, e)

    def cancel(self, msg):
        """Take one CANCEL_SERVICE message. Loop thread."""
        if not msg.is_dead:
            reply_to = msg.small_value()
            self._activations.cancel(msg.src_id, reply_to)
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


def _refuse(msg):
    msg.refuse('the pool was stopped')


def _failure(error):
    """The CallError for an exception of an activation."""
    return refusal(error) if isinstance(error, (PoolError, RefusedError)) else call_error(error)


def _answer_with(msg, error):
    """Answer a message, or a Request, that cannot be carried out."""
    if isinstance(error, ChannelError):
        msg.refuse(str(error))
    else:
        fail(msg, refusal(error) if isinstance(error, Error) else call_error(error))
