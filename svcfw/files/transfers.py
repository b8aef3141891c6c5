"""Transfers: state shared by all file transfers of one context. Limits: how many may be under way."""

import _thread
import collections
import hashlib
import resource
import time

from svcfw.core import load
from svcfw.core.wire.pace import Pace
from svcfw.files.disk.reader import Reader
from svcfw.files.store.store import Store
from svcfw.service.errors import TransferError

#: A file up to this size is sent within the request, in one round trip.
INLINE_BYTES = 64 * 1024
#: A file up to this size is hashed before it is sent; a larger one only if the receiver has a file of its size.
HASHED_BYTES = 1024 * 1024
#: Memory for contents that a relay holds, in total; larger ones go to its disk.
MAX_HELD_BYTES = 64 * 1024 * 1024
#: Number of (file, copy) pairs whose delta is remembered.
MAX_MATCHES = 8
MAX_TALLIES = 4096
MAX_PACES = 4096
MAX_DIGESTS = 65536
#: Most concurrent transfers of one context; more are refused.
MAX_OF_ONE = 64
#: The same of all contexts behind one link together, and of all: parts of the descriptors that this process may have.
#: A transfer takes one or two, and a child can say that there are any number of contexts below it.
PART_OF_LINK, PART_OF_ALL = 4, 2
#: Where the system sets no limit.
MOST_DESCRIPTORS = 1048576
#: A file written to this recently before it was hashed may change without a new time stamp: one tick of the kernel's
#: clock; two seconds on file systems with a resolution of one.
TICK_NS, SECOND_NS = 100 * 10**6, 2 * 10**9


class Transfers(object):
    """One for each router; see `of`. Any thread."""

    def __init__(self):
        self.store = Store()
        self._has_folder = False
        self._lock = _thread.allocate_lock()
        self._paces = collections.OrderedDict()
        self._digests = collections.OrderedDict()
        self._given = collections.OrderedDict()
        self._matches = collections.OrderedDict()
        self._under_way = {}
        self._tallies = collections.OrderedDict()
        self._sent = collections.Counter()  # token: number of transfers that send this file now

    @classmethod
    def of(cls, router):
        """The Transfers of a router's context, created on first use."""
        if router.transfers is None:
            router.transfers = cls()
        return router.transfers

    def keep_in(self, folder, max_bytes):
        """Let the store use a cache folder too; drops what it has in memory."""
        self.store = Store(folder=folder, folder_bytes=max_bytes)
        self._has_folder = True

    def keep(self, digest, path):
        """Tell the store that a file written here has this content."""
        self.store.refer(digest, path)
        if self._has_folder:
            with Reader(path) as source:
                self.store.put_file(digest, source.fileno())

    def was_given(self, context_id, digest):
        """Whether the context `context_id` was sent that content; it may have dropped it since."""
        with self._lock:
            return (context_id, digest) in self._given

    def has_given(self, context_id, digest):
        """Record that the context has been sent that content."""
        with self._lock:
            self._given[context_id, digest] = None
            if len(self._given) > MAX_DIGESTS:
                self._given.popitem(last=False)

    def has_lost(self, context_id, digest):
        """Record that the context no longer keeps that content."""
        with self._lock:
            self._given.pop((context_id, digest), None)

    def match(self, source, packed):
        """The delta between a source and a receiver's packed signature: steps of svcfw.files.delta.blocks."""
        delta = load('svcfw.files.delta.shared_delta')
        old = load('svcfw.files.delta.signature').Signature.unpack(packed)
        key = (source.identity, old.size, old.block_bytes, hashlib.sha256(old.hashes + old.probes).digest())
        with self._lock:
            shared = self._matches.pop(key, None) or delta.SharedDelta(source.fileno(), source.size, old)
            self._matches[key] = shared
            if len(self._matches) > MAX_MATCHES:
                self._matches.popitem(last=False)
        return iter(shared)

    def tally(self, key):
        """The Tally shared by all callers with this key (hashable), until `forget_tally`."""
        with self._lock:
            tally = self._tallies.setdefault(key, Tally())
            if len(self._tallies) > MAX_TALLIES:
                self._tallies.popitem(last=False)
        return tally

    def forget_tally(self, key):
        """Give later callers a new Tally; present holders keep theirs."""
        with self._lock:
            self._tallies.pop(key, None)

    def flow(self, context):
        """A Flow for a transfer to `context`."""
        with self._lock:
            pace = self._paces.pop(context.id, None) or Pace()
            self._paces[context.id] = pace
            if len(self._paces) > MAX_PACES:
                self._paces.popitem(last=False)
        return pace.flow()

    def digest(self, source):
        """The SHA-256 of a Reader's content: remembered if the file has not changed, else computed now."""
        known = self.known_digest(source)
        if known is None:
            known = source.whole_digest()
            self.remember_digest(source, known)
        return known

    def known_digest(self, source):
        """The remembered SHA-256, or None."""
        if source.identity is None:
            return source.digest()
        with self._lock:
            return self._digests.get(source.identity)

    def remember_digest(self, source, digest):
        """Remember the digest of a Reader that was read."""
        if source.identity is None:
            return
        stamps = source.identity[3:]
        tick = SECOND_NS if stamps[0] % 10**9 == 0 else TICK_NS
        if time.time() * 10**9 - max(stamps) > tick:
            with self._lock:
                self._digests[source.identity] = digest
                if len(self._digests) > MAX_DIGESTS:
                    self._digests.popitem(last=False)

    def begin_sending(self, source):
        """The digest of a Reader if it is known, or if other transfers send the same file now (so that it is hashed
        once); else None. Call `end_sending` after the transfer."""
        with self._lock:
            self._sent[source.token] += 1
            is_shared = self._sent[source.token] > 1
        if not is_shared:
            return self.known_digest(source)
        with self.alone(source.token):
            return self.digest(source)

    def end_sending(self, source):
        """Call it also if `begin_sending` failed."""
        with self._lock:
            self._sent[source.token] -= 1
            if not self._sent[source.token]:
                del self._sent[source.token]

    def alone(self, key):
        """A context manager: mutual exclusion of all callers with the same key (hashable). Blocks."""
        return _Alone(self._lock, self._under_way, key)


class Limits(object):
    """Counts the transfers that other contexts have under way here. Any thread."""

    def __init__(self, router):
        self._router = router
        self._lock = _thread.allocate_lock()
        self._of_contexts = collections.Counter()
        self._of_links = collections.Counter()

    def begin(self, context_id):
        """Count a transfer of a context; returns what to call at its end. TransferError if there are too many."""
        counts = (self._of_contexts, context_id), (self._of_links, self._router.link_for(context_id))
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if descriptors == resource.RLIM_INFINITY:
            descriptors = MOST_DESCRIPTORS
        with self._lock:
            for (counter, key), most in zip(counts, (MAX_OF_ONE, descriptors // PART_OF_LINK)):
                if counter[key] >= most:
                    raise TransferError('%d transfers of this context are running. Start fewer at a time' % most)
            if sum(self._of_links.values()) >= descriptors // PART_OF_ALL:
                raise TransferError('%d transfers are running. Start fewer at a time' % (descriptors // PART_OF_ALL))
            for counter, key in counts:
                counter[key] += 1

        def end():
            with self._lock:
                for counter, key in counts:
                    counter[key] -= 1
                    if not counter[key]:
                        del counter[key]

        return end


class Tally(object):
    """A thread-safe sum."""

    def __init__(self):
        self._lock = _thread.allocate_lock()
        self._sum = 0

    def add(self, n):
        """Add `n`; returns the new sum."""
        with self._lock:
            self._sum += n
            return self._sum


class _Alone(object):
    def __init__(self, lock, under_way, key):
        self._lock = lock
        self._all = under_way
        self._key = key

    def __enter__(self):
        with self._lock:
            mine = self._all.setdefault(self._key, [_thread.allocate_lock(), 0])
            mine[1] += 1
        mine[0].acquire()

    def __exit__(self, *exc_info):
        with self._lock:
            mine = self._all[self._key]
            mine[1] -= 1
            if not mine[1]:
                del self._all[self._key]
        mine[0].release()
