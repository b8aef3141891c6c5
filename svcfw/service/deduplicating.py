"""DeduplicatingInvoker: the same call is executed once, and everybody gets its outcome."""

import collections
import hashlib

from svcfw.service.invoker import Invoker, _Failure


class Results(object):
    """How long outcomes are kept; a service sets an instance as its class attribute `results`.

    max_entries, max_bytes (of the values as they travel): the oldest go first. ttl_s: seconds, None for no limit.
    keep_failures: whether an exception is an outcome to keep; else the next caller tries again.
    """

    def __init__(self, max_entries=1000, max_bytes=64 * 1024 * 1024, ttl_s=None, keep_failures=False):
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.ttl_s = ttl_s
        self.keep_failures = keep_failures


class DeduplicatingInvoker(Invoker):
    """One execution for each distinct (method, arguments): callers that come meanwhile hold no thread and get its value
    or its failure; those that come later get the kept one.

    What is distinct is decided by the values and their types themselves, in the form in which they travel.
    """

    def __init__(self, service, pool):
        Invoker.__init__(self, service, pool)
        self._policy = getattr(service, 'results', None) or Results()
        self._callers = {}
        self._kept = collections.OrderedDict()
        self._kept_bytes = 0

    def submit(self, request):
        key = self._key(request)
        with self._lock:
            callers = self._callers.get(key)
            if callers is not None:
                callers.append(request)
                return
            kept = self._take_kept(key)
            if kept is None:
                self._callers[key] = [request]
        if kept is not None:
            _answer(request, kept.outcome)
            return
        request.key = key
        try:
            Invoker.submit(self, request)
        except Exception:
            self._broadcast(key, None)
            raise

    def run_now(self, request):
        self.submit(request)

    def cancel(self, src_id, reply_to):
        """Forget one caller; the execution goes on for the others."""
        with self._lock:
            for callers in self._callers.values():
                for request in callers:
                    if request.is_from(src_id, reply_to):
                        request.cancel()

    def forget(self, method_name=None, arguments=None):
        """Drop kept outcomes: of one call, of one method (arguments None), or all."""
        with self._lock:
            for key in list(self._kept):
                if method_name in (None, key[0]) and (arguments is None or key == self._key_of(method_name, arguments)):
                    self._drop(key)

    def refuse_all(self, reason):
        with self._lock:
            waiting = [request for callers in self._callers.values() for request in callers]
            self._callers.clear()
        for request in waiting:
            request.refuse(reason)
        Invoker.refuse_all(self, reason)

    def work(self):
        request = self._next()
        if request is None:
            return False
        try:
            if any(each.is_wanted(self._pool.clock()) for each in self._callers.get(request.key, ())):
                self._run(request)
            else:
                for each in self._broadcast(request.key, None):
                    each.refuse('nobody waits for the answer any more')
        finally:
            self._finished(request)
        return True

    def _run(self, request):
        outcome = self._execute(request)
        for each in self._broadcast(request.key, outcome):
            _answer(each, outcome)

    def _broadcast(self, key, outcome):
        """End an execution: keep the outcome if that is wanted; returns who waits for it."""
        kept = None
        if outcome is not None and (self._policy.keep_failures or not isinstance(outcome, _Failure)):
            kept = _Kept(outcome, self._size(outcome), self._pool.clock())
        with self._lock:
            if kept is not None and kept.size <= self._policy.max_bytes:
                self._kept[key] = kept
                self._kept_bytes += kept.size
                while len(self._kept) > self._policy.max_entries or self._kept_bytes > self._policy.max_bytes:
                    self._drop(next(iter(self._kept)))
            return self._callers.pop(key, [])

    def _take_kept(self, key):
        kept = self._kept.get(key)
        ttl_s = self._policy.ttl_s
        if kept is not None and ttl_s is not None and self._pool.clock() - kept.made > ttl_s:
            self._drop(key)
            return None
        return kept

    def _drop(self, key):
        self._kept_bytes -= self._kept.pop(key).size

    def _size(self, outcome):
        try:
            return len(self._pool.codec.encode(outcome.error if isinstance(outcome, _Failure) else outcome))
        except Exception:
            return 0  # it cannot travel, and every caller is told so

    def _key(self, request):
        return self._key_of(request.name, request.arguments())

    def _key_of(self, method_name, arguments):
        # A hash, so that no secret is kept for the sake of its key.
        data = self._pool.codec.encode(_canonical(arguments, self._pool.codec.encode))
        return method_name, hashlib.sha256(data).digest()


class _Kept(object):
    __slots__ = ('made', 'outcome', 'size')

    def __init__(self, outcome, size, made):
        self.outcome = outcome
        self.size = size
        self.made = made


def _answer(request, outcome):
    if isinstance(outcome, _Failure):
        request.fail(outcome.error)
    else:
        request.reply(outcome)


def _canonical(value, encode):
    """A value whose encoding is the same for equal values of the same types, whatever the order of keys and members."""
    kind = type(value)
    if kind is dict:
        pairs = [(_canonical(key, encode), _canonical(each, encode)) for key, each in value.items()]
        return 'dict', sorted(pairs, key=encode)
    if kind in (set, frozenset):
        return kind.__name__, sorted((_canonical(each, encode) for each in value), key=encode)
    if kind in (list, tuple):
        return kind.__name__, [_canonical(each, encode) for each in value]
    return value
