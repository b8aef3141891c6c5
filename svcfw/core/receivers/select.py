"""Select: wait for the first of several sources."""

import _thread
import collections

from svcfw.core.latch import Latch
from svcfw.core.wire.errors import ChannelError, Error, TimeoutError


class SelectError(Error):
    """A source that cannot be added or removed, or nothing left to wait for."""


Event = collections.namedtuple('Event', 'source data')


#: The sources of a select are named up to so many.
MAX_NAMED = 10


class Select(object):
    """Waits on Receivers, Channels, Latches, Replies and other Selects, in the order in which their items arrived.

    loop; sources; oneshot: a source leaves after its first item. Any number of threads may wait.
    """

    def __init__(self, loop, sources=(), oneshot=True):
        self.oneshot = oneshot
        #: As for Latch: called with the select when something is ready.
        self.notify = None
        self._loop = loop
        self._lock = _thread.allocate_lock()
        self._sources = []
        self._latch = Latch(loop)
        self._latch.notify = self._announce
        try:
            for source in sources:
                self.add(source)
        except BaseException:
            self.close()  # nobody has this select to take the sources back from
            raise

    def __len__(self):
        return len(self._sources)

    def __repr__(self):
        # In the error of each `get(0)`, for one: it may not take long.
        sources = self._sources[: MAX_NAMED + 1]
        names = map(repr, sources) if len(sources) <= MAX_NAMED else ['%d sources' % len(self)]
        return 'Select(%s)' % ', '.join(names)

    def __bool__(self):
        return bool(self._sources)

    @property
    def closed(self):
        """As for Latch."""
        return self._latch.closed

    def _announce(self, latch):
        if self.notify is not None:
            self.notify(self)

    def add(self, source):
        """Wait for this one too. SelectError for a source that has an owner already, and for a cycle."""
        if source.notify is not None:
            raise SelectError('%r belongs to a select already' % (source,))
        if isinstance(source, Select) and source._reaches(self):
            raise SelectError('a select cannot wait for itself')
        self._sources.append(source)
        source.notify = self._latch.put
        for _ in range(_items_held(source) + (source.closed is not None)):
            self._latch.put(source)

    def remove(self, source):
        """Stop waiting for this one. SelectError if it is not there."""
        with self._lock:
            if source not in self._sources:
                raise SelectError('%r is not in this select' % (source,))
            self._drop(source)

    def _drop(self, source):
        self._sources.remove(source)
        source.notify = None

    def close(self):
        """Let all sources go and wake every waiter with ChannelError."""
        for source in list(self._sources):
            self.remove(source)
        self._latch.close('the select was closed')

    def empty(self):
        return not any(_is_ready(source) for source in list(self._sources))

    def get_source(self, timeout=None):
        """The source that is ready, its item still in it. TimeoutError; SelectError with nothing to wait for.

        A source that was closed is ready once more when its items are gone: its `get()` raises ChannelError. It has
        left then.
        """
        return self._next_source(self._deadline(timeout))

    def get_event(self, timeout=None):
        """The next Event: (source, data). The end of a source is one too, its error the data; it has left then."""
        deadline = self._deadline(timeout)
        while True:
            source = self._next_source(deadline)
            try:
                return Event(source, source.get(0))
            except TimeoutError:
                continue  # another thread was faster
            except ChannelError as e:
                with self._lock:
                    if source in self._sources:
                        self._drop(source)
                return Event(source, e)

    def get(self, timeout=None):
        """The next item of any source: what its own `get()` gives or raises."""
        data = self.get_event(timeout).data
        if isinstance(data, ChannelError):
            raise data
        return data

    def _deadline(self, timeout):
        return None if timeout is None else self._loop.clock() + timeout

    def _next_source(self, deadline):
        while True:
            if not self._sources and self._latch.empty() and self.closed is None:
                raise SelectError('there is nothing to wait for')
            try:
                source = self._latch.get(None if deadline is None else max(0, deadline - self._loop.clock()))
            except TimeoutError:
                raise TimeoutError('%r: nothing arrived in time' % (self,)) from None
            with self._lock:
                if source in self._sources and _is_ready(source):
                    if self.oneshot or source.empty():
                        self._drop(source)
                    return source

    def __iter__(self):
        """Items until no source is left."""
        while self._sources:
            yield self.get()

    @classmethod
    def all(cls, loop, sources):
        """Iterate over one item of each source, as they come."""
        return iter(cls(loop, sources))

    def _reaches(self, other):
        return self is other or any(isinstance(source, Select) and source._reaches(other) for source in self._sources)


def _is_ready(source):
    return not source.empty() or source.closed is not None


def _items_held(source):
    return len(getattr(source, '_latch', source))
