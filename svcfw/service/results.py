"""Cached outcomes of a DeduplicatingInvoker."""

import collections
import hashlib

from svcfw.core.wire.frames import DEAD, ERROR


class Results(object):
    """Bounds of cached outcomes; a service sets them as its class attribute `results`.

    max_entries, max_bytes (of encoded values): the oldest are dropped. ttl_s: seconds, None for no limit.
    keep_failures: whether exceptions are cached too; if not, the next caller tries again.
    """

    def __init__(self, max_entries=1000, max_bytes=64 * 1024 * 1024, ttl_s=None, keep_failures=False):
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.ttl_s = ttl_s
        self.keep_failures = keep_failures


class ResultCache(object):
    """Outcomes (flags and payload of the answer) by key, bounded by a Results. The caller holds a lock."""

    def __init__(self, results, clock):
        self._results = results
        self._clock = clock
        self._kept = collections.OrderedDict()
        self._bytes = 0

    def __len__(self):
        return len(self._kept)

    def get(self, key):
        """(flags, payload), or None."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        flags, payload, made = kept
        ttl_s = self._results.ttl_s
        if ttl_s is not None and self._clock() - made >= ttl_s:
            self._drop(key)
            return None
        return flags, payload

    def put(self, key, flags, payload):
        """Cache an outcome if the bounds allow it; drops the oldest to make room."""
        if flags & DEAD or (flags & ERROR and not self._results.keep_failures):
            return
        if len(payload) > self._results.max_bytes or self._results.max_entries < 1:
            return
        if key in self._kept:
            self._drop(key)
        self._kept[key] = (flags, payload, self._clock())
        self._bytes += len(payload)
        while len(self._kept) > self._results.max_entries or self._bytes > self._results.max_bytes:
            self._drop(next(iter(self._kept)))

    def forget(self, is_meant):
        """Drop all entries for whose key `is_meant(key)` is true."""
        for key in list(self._kept):
            if is_meant(key):
                self._drop(key)

    def _drop(self, key):
        self._bytes -= len(self._kept.pop(key)[1])


def call_key(method_name, arguments, encode):
    """Key of a call: the method, and values and types of its arguments regardless of their order.

    Arguments are hashed, so that no secret is kept in a key. Raises EncodeError.
    """
    return method_name, hashlib.sha256(_canonical(arguments, encode)).digest()


def _canonical(value, encode):
    """Bytes that are equal for equal values of equal types only, whatever the order of dict keys and set members."""
    kind = type(value)
    if kind is dict:
        parts = sorted(_joined([_canonical(key, encode), _canonical(each, encode)]) for key, each in value.items())
    elif kind in (set, frozenset):
        parts = sorted(_canonical(each, encode) for each in value)
    elif kind in (list, tuple):
        parts = [_canonical(each, encode) for each in value]
    else:
        return b'value ' + encode(value)
    return kind.__name__.encode() + b' ' + _joined(parts)


def _joined(parts):
    return b''.join(b'%d:%s' % (len(part), part) for part in parts)
