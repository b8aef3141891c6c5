"""FileService: files of one context for others, and files of others for it."""

import _thread
import collections
import resource

from svcfw.core import load
from svcfw.core.context import Context, Sender
from svcfw.core.message import has_parent_authority
from svcfw.core.wire.errors import ChannelError
from svcfw.files import client
from svcfw.files.disk.destination import Destination
from svcfw.files.disk.paths import decoded
from svcfw.files.disk.reader import Source
from svcfw.files.disk.writer import Sink, Wanted
from svcfw.files.grants import Grants
from svcfw.files.messages.file_parts import FileParts, FilePlace
from svcfw.files.messages.tree_parts import TreeParts
from svcfw.files.receiving import Receiving
from svcfw.files.sending import Sending
from svcfw.files.transfers import HASHED_BYTES, INLINE_BYTES, Transfers
from svcfw.files.tree_place import TreePlace
from svcfw.service.errors import PoolError, TransferError, transfer_error
from svcfw.service.exposed import arg_spec, expose
from svcfw.service.policy import AllowAny, AllowParents
from svcfw.service.service import Service

#: Transfers that one context may have under way here; more are refused.
MAX_OF_ONE = 64
#: The same of all contexts behind one link together, and of all: parts of the descriptors that this process may have.
#: A transfer takes one or two, and a child can say that there are any number of contexts below it.
PART_OF_LINK, PART_OF_ALL = 4, 2
#: Where the system sets no limit.
MOST_DESCRIPTORS = 1048576


class FileService(Service):
    """Serves files of its context: to the contexts above whatever they ask for, to others what was granted to them.

    In a child it is made by itself when a context above transfers a file; where others are to fetch from, put one into
    the pool and register what they may have. Transfers hold no thread; see svcfw.files.client for how they are
    begun. Contents are checked by SHA-256, written beside their place and put there whole.
    """

    put = staticmethod(client.put)
    get = staticmethod(client.get)
    fetch = staticmethod(client.fetch)
    put_tree = staticmethod(client.put_tree)
    get_tree = staticmethod(client.get_tree)

    def __init__(self, router):
        Service.__init__(self, router)
        self._transfers = Transfers.of(router)
        self._grants = Grants()
        self._count_transfers()
        self._held = None
        self._receivings = set()

    def on_shutdown(self):
        """What arrives will not; what has come of it is removed, or kept for the next transfer to go on from."""
        for receiving in list(self._receivings):
            receiving.abort(ChannelError('the context ended'))

    # -- for this context; any thread

    def register(self, path, context=None):
        """Let `context` fetch the file `path`; None: let every context that can reach this one. Returns a Grant, whose
        `revoke()` ends that. FileNotFoundError."""
        return self._grants.add(path, context)

    def register_prefix(self, path, context=None):
        """The same for all files below the folder `path`. A link counts as where it leads to."""
        return self._grants.add(path, context, is_prefix=True)

    # -- reading

    @expose(policy=AllowAny())
    @arg_spec(spec={'path': str}, optional={'hashes': bool})
    def look(self, path, msg, hashes=False):
        """A file's metadata, and

        token: what changes with it (bytes); digest: its SHA-256 (bytes), None for a large one that was not hashed yet
        and need not be (`hashes`); content: all of it (bytes) if it is small and was not given to this caller before.
        """
        with self._open(path, msg) as source:
            digest = self._transfers.known_digest(source)
            answer = dict(source.metadata, token=source.token, digest=digest, content=None)
            if hashes or source.size <= HASHED_BYTES:
                answer['digest'] = digest = self._transfers.digest(source)
                if source.size <= INLINE_BYTES and not self._transfers.was_given(msg.src_id, digest):
                    answer['content'] = source.whole()
                    self._transfers.has_given(msg.src_id, digest)
            return answer

    @expose(policy=AllowAny())
    @arg_spec(spec={'path': str, 'into': Sender, 'token': (bytes, type(None)), 'offset': int})
    def begin_fetch(self, path, into, token, offset, msg):
        """Send a file to `into` (see Sending), from `offset` on if `token` is still its token. Returns its metadata and
        the offset."""
        source = self._open(path, msg)
        try:
            if token != source.token or not 0 < offset <= source.size:
                offset = 0
            source.skip(offset)
            answer = dict(source.metadata, offset=offset)
        except BaseException:
            source.close()
            raise

        def done():
            self._transfers.remember_digest(source, source.digest())

        self._send(FileParts(source), into, msg, done)
        return answer

    def _open(self, path, msg):
        """A Source, if the sender may have it."""
        if has_parent_authority(msg):
            return _opened(path)
        real = self._grants.find(path, msg.src_id)
        if real is None:
            raise TransferError('it was not granted to context %d. Register it for that one' % msg.src_id)
        source = _opened(real, follows=False)
        # Where links were changed between the look and the opening, it is not what was granted.
        if self._grants.find('/proc/self/fd/%d' % source.fileno(), msg.src_id) != real:
            source.close()
            raise TransferError('it was not granted to context %d' % msg.src_id)
        return source

    # -- writing

    @expose(policy=AllowParents())
    @arg_spec(
        spec={
            'path': str, 'size': int, 'token': bytes, 'digest': (bytes, type(None)), 'data': (bytes, type(None)),
            'wanted': dict,
        }
    )  # fmt: skip
    def begin_put(self, path, size, token, digest, data, wanted, msg):
        """Take a file. data: all of it; else it is taken from what is here, or is_done is False, and the answer says

        into: where to send it (Sender, see Sending); offset: how much has come already; signature: what of it is at its
        place (see svcfw.files.delta.blocks), or None; same_size: digests of contents of that size that are here.
        """
        wanted = Wanted.decode(wanted)
        store = self._transfers.store
        try:
            sink = Sink(path, None if data is not None else token)
        except OSError as e:
            raise transfer_error(e) from e
        try:
            if data is not None:
                sink.restart()
                sink.write(data)
                answer = self._done(sink, digest, path, wanted)
                store.put(digest, data)
                return answer
            if digest is not None and store.holds(digest) and sink.fill(lambda fd: store.copy_to(digest, fd)):
                return self._done(sink, digest, path, wanted)
            return self._take(sink, path, size, wanted, msg)
        except Exception as e:
            sink.discard()
            raise transfer_error(e) from e

    def _done(self, sink, digest, path, wanted):
        sink.finish(digest, wanted)
        self._transfers.keep(digest, path)
        return {'is_done': True}

    def _take(self, sink, path, size, wanted, msg):
        if sink.offset > size:
            sink.restart()
        present = None if sink.offset else _present(path, size)
        copies = None if present is None else present.fileno()

        def finish(digest):
            sink.finish(digest, wanted)
            self._transfers.keep(digest, path)

        def over(error, value):
            if isinstance(error, ChannelError):
                sink.abandon()  # what has come can be gone on with
            else:
                sink.discard()
            if present is not None:
                present.close()

        try:
            packed = None if present is None else _blocks().signature(present.fileno(), present.size).pack()
            into = self._receive(FilePlace(sink, finish, size, copies), over, msg)
        except BaseException:
            if present is not None:
                present.close()
            raise
        return {
            'is_done': False,
            'into': into,
            'offset': sink.offset,
            'signature': packed,
            'same_size': list(self._transfers.store.of_size(size)),
        }

    # -- folders

    @expose(policy=AllowParents())
    @arg_spec(spec={'path': str, 'preserves': bool, 'owner': bool})
    def begin_put_tree(self, path, preserves, owner, msg):
        """Take a folder. into: where to send it (Sender, see Sending); lacks_all: whether nothing of it is here."""
        destination = Destination(path, owner=owner, special_bits=True)
        try:
            place = TreePlace(destination, path, preserves, self._transfers)
            into = self._receive(place, lambda *outcome: destination.abandon(), msg)
            return {'into': into, 'lacks_all': destination.is_new}
        except BaseException:
            destination.abandon()
            raise

    @expose(policy=AllowAny())
    @arg_spec(spec={'path': str, 'into': Sender, 'follow': bool, 'lacks_all': bool})
    def begin_fetch_tree(self, path, into, follow, lacks_all, msg):
        """Send a folder to `into`, where nothing of it is if `lacks_all`.

        To others than the contexts above only one that is granted, and not what links in it lead to.
        """
        if not has_parent_authority(msg):
            real = self._grants.find(path, msg.src_id)
            if real is None or follow:
                raise TransferError('it was not granted to context %d. Register it for that one' % msg.src_id)
            path = decoded(real)
        try:
            parts = TreeParts(path, follow, self._transfers, msg.src_id)
        except OSError as e:
            raise transfer_error(e) from e
        parts.lacks_all = lacks_all
        self._send(parts, into, msg)

    # -- for contexts behind this one

    @expose(policy=AllowParents())
    @arg_spec(spec={'digest': bytes, 'size': int}, optional={'data': (bytes, type(None))})
    def begin_hold(self, digest, size, msg, data=None):
        """Take a content to be passed on; answers as `begin_put` does, or None where there is no room for it.

        data: all of it. Done is it also when it is on its way here already.
        """
        return self._holding().begin(digest, size, data, msg)

    @expose(policy=AllowParents())
    @arg_spec(
        spec={
            'target': Context, 'path': str, 'digest': bytes, 'wanted': dict, 'packs': bool,
            'progress': (Sender, type(None)),
        }
    )  # fmt: skip
    def relay(self, target, path, digest, wanted, packs, progress, msg):
        """Put a content that is held here, or arrives, to a file of `target`, which is below: True once it is there.

        False if it is not held any more, or has not arrived whole. packs: as for `put`; progress: where to tell how
        many bytes are on their way, about a hundred times.
        """
        return self._holding().relay(target, path, digest, (wanted, packs), progress, msg)

    @expose(policy=AllowParents())
    @arg_spec(spec={'target': Context, 'path': str, 'digest': bytes, 'options': dict, 'tell': Sender})
    def relay_tree(self, target, path, digest, options, tell, msg):
        """Put a folder to the folder `path` of `target`, which is below; what the target answers in the end (dict).

        digest: of its manifest (svcfw.files.relay.listing), which is held here: None if it is not; options: of
        `begin_put_tree`; tell: where to ask for contents, see svcfw.files.relay.contents. False if they cannot be kept.
        """
        return self._holding().relay_tree(target, path, digest, options, tell, msg)

    @expose(policy=AllowParents())
    @arg_spec(spec={'path': str, 'max_bytes': int})
    def keep_in(self, path, max_bytes):
        """From now on keep contents in the folder `path` too, as long as they take at most `max_bytes`."""
        self._transfers.keep_in(path, max_bytes)

    # -- inside

    def _holding(self):
        holding = load('svcfw.files.relay.holding')
        with self._lock:
            if self._held is None:
                self._held = holding.Holding(self.router, self._receive, self._on_pool)
            return self._held

    def _send(self, parts, into, msg, done=None):
        """Begin a Sending, which closes `parts`; `done()` is called once all has arrived."""
        try:
            if into.context.id != msg.src_id:
                raise TransferError('it can be sent only to who asks')
            end = self._begin(msg)
        except BaseException:
            parts.close()
            raise

        def over(error, value):
            end()
            if error is None and done is not None:
                done()

        def schedule():
            self._on_pool(sending.pump)

        sending = Sending(parts, into, self._transfers.flow(into.context), schedule, over)
        sending.wake()

    def _receive(self, place, over, msg):
        """Begin a Receiving; where it is to be sent to."""
        end = self._begin(msg)

        def finally_over(error, value):
            self._receivings.discard(receiving)
            end()
            over(error, value)

        def schedule():
            self._on_pool(receiving.pump)

        context = self.router.context(msg.src_id)
        receiving = Receiving(self.router, context, place, schedule, finally_over)
        self._receivings.add(receiving)
        return Sender(self.router.myself(), receiving.handle)

    def _count_transfers(self):
        self._lock = _thread.allocate_lock()
        self._of_contexts = collections.Counter()
        self._of_links = collections.Counter()

    def _begin(self, msg):
        """Count a transfer; what to call at its end. TransferError if there are too many."""
        counts = (self._of_contexts, msg.src_id), (self._of_links, self.router.link_for(msg.src_id))
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if descriptors == resource.RLIM_INFINITY:
            descriptors = MOST_DESCRIPTORS
        with self._lock:
            for (counter, key), most in zip(counts, (MAX_OF_ONE, descriptors // PART_OF_LINK)):
                if counter[key] >= most:
                    raise TransferError('%d transfers of one context are under way. Begin fewer at a time' % most)
            if sum(self._of_links.values()) >= descriptors // PART_OF_ALL:
                raise TransferError('%d transfers are under way. Begin fewer at a time' % (descriptors // PART_OF_ALL))
            for counter, key in counts:
                counter[key] += 1

        def end():
            with self._lock:
                for counter, key in counts:
                    counter[key] -= 1
                    if not counter[key]:
                        del counter[key]

        return end

    def _on_pool(self, function):
        try:
            self.router.services.defer(function)
        except (AttributeError, PoolError):
            function()  # the pool has ended: whatever it is, it ends too


def _opened(path, follows=True):
    try:
        return Source(path, follows)
    except OSError as e:
        raise transfer_error(e) from e


def _blocks():
    """What compares blocks, which not every context that takes files needs."""
    return load('svcfw.files.delta.blocks')


def _present(path, size):
    """What is at `path` now (Source), if it is worth telling what of it need not be sent; None."""
    try:
        source = Source(path)
    except (OSError, TransferError):
        return None
    try:
        if min(size, source.size) >= _blocks().MIN_SIZE:
            return source
    except BaseException:
        source.close()
        raise
    source.close()
    return None
