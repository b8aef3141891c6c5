"""What one child may bring to the log, and how often it may send what is refused, before its link is ended.

A child is not trusted, so all that it can have written here is bounded: log records, lines that its program prints,
complaints about its frames. Everything runs on the loop of whose child it is. Not part of what a child starts from.
"""

#: Records of one link: so many at once (a program that starts, or fails, has much to say), so many a second for long.
#: Each UNIT_CHARS of a text count as one: at most 25 KiB a second, which costs some 2 ms of CPU.
MAX_RECORDS = 5000
RECORDS_PER_S = 100
UNIT_CHARS = 256
#: How often the number of those that were dropped is logged.
NOTICE_S = 10.0
#: Refused frames of one link. No context of ours sends any, but its program may: by writing to a sibling, say.
MAX_REFUSED = 1000
REFUSED_PER_S = 10


class Bucket(object):
    """Holds `size` at most, and refills by `per_s` each second."""

    def __init__(self, clock, size, per_s):
        self._clock = clock
        self._size = self._left = size
        self._per_s = per_s
        self._at = clock()

    def take(self, cost=1):
        """Take so much out if there is anything in it; returns whether there was."""
        now = self._clock()
        self._left = min(self._size, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= cost
        return True


class Conduct(object):
    """One child's. on_excess(reason): called each time that it sends what is refused, once it has done so too often."""

    def __init__(self, router, name, on_excess):
        self._router = router
        self._name = name
        self._on_excess = on_excess
        self._records = Bucket(router.loop.clock, MAX_RECORDS, RECORDS_PER_S)
        self._refusals = Bucket(router.loop.clock, MAX_REFUSED, REFUSED_PER_S)
        self._dropped = self._dropped_level = 0
        self._notice = None

    def admits(self, level, chars, count=1):
        """Whether a record of this size may be logged. Those that may not are counted; `count`: how many this is."""
        if self._records.take(1 + chars // UNIT_CHARS):
            return True
        self._dropped += count
        self._dropped_level = max(level, self._dropped_level)
        if self._notice is None:
            self._notice = self._router.loop.call_later(NOTICE_S, self.tell)
        return False

    def log(self, level, text):
        """Log by way of the router, if it is admitted."""
        if self.admits(level, len(text)):
            self._router.log(self._router, level, text)

    def refused(self, level, text, counts=True):
        """It has sent what is refused, for the reason that `text` says; counts: and may not do so for ever."""
        self.log(level, text)
        if counts and not self._refusals.take():
            self._on_excess('it was refused too many frames; the last: ' + text)

    def tell(self):
        """Log how many records were dropped, if any were since the last time."""
        if self._notice is not None:
            self._notice.cancel()
            text = '%s: %d records or lines were dropped, being more than %d a second'
            self._router.log(self._router, self._dropped_level, text % (self._name, self._dropped, RECORDS_PER_S))
            self._dropped = self._dropped_level = 0
            self._notice = None
