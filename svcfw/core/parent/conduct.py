"""Conduct: rate limits of what one child may log, and of its refused frames, before its link is ended.

A child is not trusted, so everything that it can write here is bounded: log records, output of its program, complaints
about its frames. Everything runs on the loop of its parent. Not part of the bootstrap.
"""

#: Log records of one link: a burst (a program that starts, or fails, logs much), and a rate per second.
#: Each UNIT_CHARS of a text count as one: at most 25 KiB a second, which costs some 2 ms of CPU.
MAX_RECORDS = 5000
RECORDS_PER_S = 100
UNIT_CHARS = 256
#: Interval at which the number of dropped records is logged.
NOTICE_S = 10.0
#: Refused frames of one link. No context of ours sends any, but its program may: by writing to a sibling, for example.
MAX_REFUSED = 1000
REFUSED_PER_S = 10


class Bucket(object):
    """Token bucket: holds `size` at most, and refills by `per_s` each second."""

    def __init__(self, clock, size, per_s):
        self._clock = clock
        self._size = self._left = size
        self._per_s = per_s
        self._at = clock()

    def take(self, cost=1):
        """Take `cost` out if it is not empty; returns whether it was not."""
        now = self._clock()
        self._left = min(self._size, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= cost
        return True


class Conduct(object):
    """One child's limits. on_excess(reason): called for each refused frame beyond the limit."""

    def __init__(self, router, name, on_excess):
        self._router = router
        self._name = name
        self._on_excess = on_excess
        self._records = Bucket(router.loop.clock, MAX_RECORDS, RECORDS_PER_S)
        self._refusals = Bucket(router.loop.clock, MAX_REFUSED, REFUSED_PER_S)
        self._dropped = self._dropped_level = 0
        self._notice = None

    def admits(self, level, chars, count=1):
        """Whether a record of this size may be logged; refused ones are counted. `count`: number of records."""
        if self._records.take(1 + chars // UNIT_CHARS):
            return True
        self._dropped += count
        self._dropped_level = max(level, self._dropped_level)
        if self._notice is None:
            self._notice = self._router.loop.call_later(NOTICE_S, self.tell)
        return False

    def log(self, level, text):
        """Log through the router, if admitted."""
        if self.admits(level, len(text)):
            self._router.log(self._router, level, text)

    def refused(self, level, text, counts=True):
        """A frame was refused for the reason `text`; counts: towards the limit."""
        self.log(level, text)
        if counts and not self._refusals.take():
            self._on_excess('it was refused too many frames; the last: ' + text)

    def tell(self):
        """Log how many records were dropped since the last time, if any."""
        if self._notice is not None:
            self._notice.cancel()
            text = '%s: %d records or lines were dropped, being more than %d a second'
            self._router.log(self._router, self._dropped_level, text % (self._name, self._dropped, RECORDS_PER_S))
            self._dropped = self._dropped_level = 0
            self._notice = None
