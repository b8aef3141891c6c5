"""How much a context holds of frames that its children have begun and not ended: one budget for all of them.

Each may send a frame of the largest size, in as many pieces and as slowly as it likes. With many children that adds up,
so the one that holds most is cut off when all together hold more than there is. Runs on the driving thread. Not part of
what a child starts from.
"""

from svcfw.core.wire.errors import LinkError
from svcfw.core.wire.link import Link

#: Of all links together. One frame of the largest size fits in a few times.
MAX_HELD_BYTES = 256 * 1024 * 1024


class Assembly(object):
    """The budget of one router."""

    def __init__(self, max_bytes=MAX_HELD_BYTES):
        self._max_bytes = max_bytes
        #: {AssembledLink: bytes}, of those that hold any; and their sum.
        self._held = {}
        self._sum = 0

    def count(self, link, n):
        """A link holds `n` bytes now. LinkError if it is the one to be cut off; another one is told."""
        self._sum += n - self._held.pop(link, 0)
        if n:
            self._held[link] = n
        while self._sum > self._max_bytes:
            largest = max(self._held, key=self._held.__getitem__)
            self._sum -= self._held.pop(largest)
            reason = 'frames that are not whole hold %d bytes here, of which this one most' % self._max_bytes
            if largest is link:
                raise LinkError(reason)
            largest.end(reason)


class AssembledLink(Link):
    """A Link whose parts of frames count. end(reason): set by whoever joins it to a stream; cuts it off.

    seals: {id of a context: the Seal of what is sent to it}.
    """

    def __init__(self, assembly, marker, max_frame_bytes, seals):
        Link.__init__(self, marker, max_frame_bytes)
        self._assembly = assembly
        self._seals = seals
        self._begun = None
        self._begun_bytes = 0
        self.end = lambda reason: None

    def receive_data(self, data):
        events = Link.receive_data(self, data)
        reader, before = self._reader, self._begun
        self._begun = reader._begun
        if self._begun is not None:
            # Most links have many pieces of one frame; it is not to be counted from its start each time.
            so_far = self._begun_bytes if self._begun is before else 0
            self._begun_bytes = so_far + (len(data) if so_far else sum(map(len, reader._parts)))
            self._assembly.count(self, self._begun_bytes)
        elif before is not None:
            self._assembly.count(self, 0)
        return events

    def frame_header(self, frame):
        """As of Link. What is to be sealed has another payload then."""
        seal = self._seals.get(frame.dst)
        if seal is not None:
            frame.payload = seal.sealed(frame)
        return Link.frame_header(self, frame)

    def forget(self):
        """The stream is no more."""
        self._assembly.count(self, 0)
