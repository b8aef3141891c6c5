"""Activations: services of a pool that are created on demand, and the calls that wait for them.

A call for a service that is not there is kept, with what the sender may do checked before; one queue of the workers for
each service in the making creates it, and then all its calls go on in their order. Any thread may call; what is done
with the workers' lock held says so.
"""

from svcfw.core.wire.errors import ChannelError
from svcfw.service.errors import PoolError, RefusedError
from svcfw.service.workers import WorkQueue

#: Calls that may wait for the activation of one service.
MAX_PENDING = 10000


class Activations(object):
    """Those of one pool.

    activator: an Activator; workers: the pool's; add(name, service): serves what was created, raises PoolError.
    """

    def __init__(self, router, workers, activator, add):
        self._router = router
        self._workers = workers
        self._activator = activator
        self._add = add
        self._by_name = {}
        #: Origins (Envelope) of calls that wait and have not been cancelled.
        self._awaiting = set()
        #: (Message, time of arrival) of calls that arrive while the pool's first services are added; None from then on.
        self._early = []  # type: list | None

    def __len__(self):
        return len(self._by_name)

    def require_permission(self, msg, name):
        """Raises RefusedError if the sender may not have a service created."""
        if not self._activator.is_permitted(msg):
            raise RefusedError('no service %s, and context %d is not permitted to activate it' % (name, msg.src_id))

    def wait_for(self, envelope, go_on):
        """Keep a call until its service is there: `go_on(None)`, or `go_on(exception)`. The lock is held.

        A call that is cancelled before is dropped. Raises RefusedError if too many wait.
        """
        name, msg, origin = envelope.service, envelope.msg, envelope.origin
        activation = self.of(name)
        if len(activation) >= MAX_PENDING:
            raise RefusedError('activation of %s: queue full, %d calls are waiting' % (name, len(activation)))

        def over(error):
            with self._workers.lock:
                if msg.wants_reply() and origin not in self._awaiting:
                    return  # it was cancelled
                self._awaiting.discard(origin)
            go_on(error)

        if msg.wants_reply():
            self._awaiting.add(origin)
        activation.when_over(over)
        self._workers.schedule(activation)

    def cancel(self, src_id, reply_to):
        """The caller of what came with this reply handle no longer waits."""
        with self._workers.lock:
            self._awaiting.discard((src_id, reply_to))
            self._early = self._early and [each for each in self._early if not each[0].is_from(src_id, reply_to)]

    def keeps_early(self, msg, arrived):
        """Keep a call that arrives before the pool's first services are added; returns whether it was kept."""
        if self._early is None:
            return False
        with self._workers.lock:
            if self._early is not None:
                self._early.append((msg, arrived))
            return self._early is not None

    def let_early_ones_in(self, serve):
        """The first services are there: serve(msg, arrived) what has come before, in its order."""
        while True:
            with self._workers.lock:
                if not self._early:
                    self._early = None
                    return
                msg, arrived = self._early.pop(0)
            serve(msg, arrived)

    def of(self, name):
        """The Activation of a service that is not there, begun or to be begun. The lock is held."""
        activation = self._by_name.get(name)
        if activation is None:
            activation = self._by_name[name] = Activation(self._workers, lambda: self._make(name))
        return activation

    def complete(self, activation, name):
        """Return once the service is there: it is created on this thread if need be. PoolError; what it raised."""
        if not activation.complete():
            raise PoolError('activation of %s waits for itself: deadlock' % name)
        if activation.error is not None:
            raise activation.error

    def give_up(self, reason):
        """Fail all calls that wait with ChannelError(reason)."""
        with self._workers.lock:
            activations = list(self._by_name.values())
            early, self._early = self._early or (), None
        for msg, _ in early:
            msg.refuse(reason)
        for activation in activations:
            activation.give_up(ChannelError(reason))

    def _make(self, name):
        try:
            self._add(name, self._activator.activate(self._router, name))
        finally:
            with self._workers.lock:
                self._by_name.pop(name, None)


class Activation(WorkQueue):
    """Calls `make()` once for any number of waiters; each `on_outcome(exception or None)` is called with the outcome.

    It has a queue of its own, so a slow import blocks no other activation.
    """

    def __init__(self, workers, make):
        WorkQueue.__init__(self)
        self._workers = workers
        self._make = make
        self._callbacks = []
        self._is_over = False
        #: What `make` raised.
        self.error = None
        self.waiting.append(self)

    def __len__(self):
        return len(self._callbacks)

    # -- with the workers' lock held

    def may_start(self):
        return not self.running

    def when_over(self, callback):
        self._callbacks.append(callback)

    # -- without the workers' lock

    def run(self, item):
        try:
            self._make()
        except BaseException as e:
            self.error = e
        with self._workers.lock:
            self._is_over = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self.error)

    def complete(self):
        """Run `make` here unless another thread has begun; returns when done. False if that would be a deadlock."""
        with self._workers.lock:
            starts = bool(self.waiting)
            if starts:
                self.waiting.clear()
                self._workers.begin(self, self)
        if starts:
            self._workers.carry_out(self, self)
            return True
        return self._workers.block(lambda: self._is_over, self.running.values)

    def give_up(self, error):
        """Tell all waiters that the activation failed with `error`."""
        with self._workers.lock:
            callbacks, self._callbacks = self._callbacks, []
            self.error = self.error or error
            self._is_over = self._is_over or not self.running
        for callback in callbacks:
            callback(error)
