"""Select: wait for the first of several sources."""

import _thread
import collections

from svcfw.core.latch import Latch
from svcfw.core.wire.errors import ChannelError, Error, TimeoutError


class SelectError(Error):
    """A source that cannot be added or removed, or a wait without sources."""


Event = collections.namedtuple('Event', 'source data')


#: Most sources that the repr of a select lists.
MAX_NAMED = 10


class Select(object):
    """Waits on Receivers, Channels, Latches, Replies and other Selects, in order of arrival of their items.

    loop; sources; oneshot: a source is removed after its first item. Any number of threads may wait.
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
            self.close()  # no caller has this select to remove the sources
            raise

    def __len__(self):
        return len(self._sources)

    def __repr__(self):
        # Part of the error of each `get(0)`: it must be fast.
        sources = self._sources[: MAX_NAMED + 1]
        names = map(repr, sources) if len(sources) <= MAX_NAMED else ['%d sources' % len(self)]
        return 'Select(%s)' % ', '.join(names)

    def __bool__(self):
        return bool(self._sources)

    @property
    def closed(self):
        """See Latch."""
        return self._latch.closed

    def _announce(self, latch):
        if self.notify is not None:
            self.notify(self)

    def add(self, source):
        """Wait for this source too. Raises SelectError if it has an owner already, and for a cycle."""
        if source.notify is not None:
            raise SelectError('%r belongs to a select already' % (source,))
        if isinstance(source, Select) and source._reaches(self):
            raise SelectError('a select cannot wait for itself')
        self._sources.append(source)
        source.notify = self._latch.put
        for _ in range(_items_held(source) + (source.closed is not None)):
            self._latch.put(source)

    def remove(self, source):
        """Stop waiting for this source. Raises SelectError if it is not there."""
        with self._lock:
            if source not in self._sources:
                raise SelectError('%r is not in this select' % (source,))
            self._drop(source)

    def _drop(self, source):
        self._sources.remove(source)
        source.notify = None

    def close(self):
        """Remove all sources and wake every waiter with ChannelError."""
        for source in list(self._sources):
            self.remove(source)
        self._latch.close('the select was closed')

    def empty(self):
        return not any(_is_ready(source) for source in list(self._sources))

    def get_source(self, timeout=None):
        """The ready source, its item still in it. Raises TimeoutError; SelectError without sources.

        A closed source is ready once more when its items are taken: its `get()` raises ChannelError. It has been
        removed then.
        """
        return self._next_source(self._deadline(timeout))

    def get_event(self, timeout=None):
        """The next Event: (source, data). The end of a source is one too, with its error; it has been removed then."""
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
        """The next item of any source: what its own `get()` returns or raises."""
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
