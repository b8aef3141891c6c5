"""Activation: the creation of one service on demand, and the callers that wait for it."""

from svcfw.service.workers import WorkQueue


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
