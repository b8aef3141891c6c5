"""One service in the making, and those who wait for it."""

from svcfw.service.workers import Lane


class Activation(Lane):
    """Has `make()` called once, however many wait; each `on_outcome(exception or None)` is called with how it ended.

    A lane of its own, so that a slow import holds up nobody else's.
    """

    def __init__(self, workers, make):
        Lane.__init__(self)
        self._workers = workers
        self._make = make
        self._callbacks = []
        self._is_over = False
        #: What `make` raised.
        self.error = None
        self.waiting.append(self)

    def __len__(self):
        return len(self._callbacks)

    # -- under the lock of the workers

    def may_start(self):
        return not self.running

    def when_over(self, callback):
        self._callbacks.append(callback)

    # -- without it

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
        """Return when it is over, having made it on this thread if no other has begun. False if that waits for us."""
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
        """Whoever waits need not any more."""
        with self._workers.lock:
            callbacks, self._callbacks = self._callbacks, []
            self.error = self.error or error
            self._is_over = self._is_over or not self.running
        for callback in callbacks:
            callback(error)
