"""FileService: serves files of one context to others, and receives files from them."""

import _thread

from svcfw.core import load
from svcfw.core.context import Context, Sender
from svcfw.core.message import has_parent_authority, shaped
from svcfw.core.wire.errors import ChannelError
from svcfw.files import client
from svcfw.files.disk import same_machine
from svcfw.files.disk.destination import Destination
from svcfw.files.disk.paths import decoded
from svcfw.files.disk.reader import Reader
from svcfw.files.disk.writer import Wanted, Writer
from svcfw.files.grants import Grants
from svcfw.files.messages.file_parts import FileParts, FilePlace
from svcfw.files.messages.tree_parts import TreeParts
from svcfw.files.messages.tree_source import FilesSource, FolderSource
from svcfw.files.receiving import Receiving
from svcfw.files.sending import Sending
from svcfw.files.transfers import HASHED_BYTES, INLINE_BYTES, Limits, Transfers
from svcfw.files.tree_place import TreePlace
from svcfw.service.errors import PoolError, TransferError, transfer_error
from svcfw.service.exposed import arg_spec, expose
from svcfw.service.policy import AllowAny, AllowParents
from svcfw.service.service import Service

#: Types of what `same_machine.named` gives.
_NAMED = (str, tuple, bytes)


class FileService(Service):
    """Serves files of its context: any file to ancestors, granted ones to other contexts.

    A child creates it when an ancestor transfers a file. To let other contexts fetch, add one to the pool and register
    files. Transfers hold no thread; svcfw.files.client starts them. Contents are verified by SHA-256, written beside
    the destination and renamed.
    """

    #: The size up to which `look` answers with a content.
    _inline_bytes = INLINE_BYTES

    put = staticmethod(client.put)
    get = staticmethod(client.get)
    fetch = staticmethod(client.fetch)
    put_tree = staticmethod(client.put_tree)
    get_tree = staticmethod(client.get_tree)
    fetch_files = staticmethod(client.fetch_files)

    def __init__(self, router):
        Service.__init__(self, router)
        self._transfers = Transfers.of(router)
        self._grants = Grants()
        self._limits = Limits(router)
        self._lock = _thread.allocate_lock()
        self._held = None
        self._receivings = set()

    def on_shutdown(self):
        """End all incoming transfers; what has arrived is removed, or kept for the next transfer to resume."""
        for receiving in list(self._receivings):
            receiving.abort(ChannelError('the context ended'))

    # -- local API; any thread

    def register(self, path, context=None):
        """Let `context` fetch the file `path`; None: every context that can reach this one.

        Returns a Grant, whose `revoke()` withdraws the permission. Raises FileNotFoundError.
        """
        return self._grants.add(path, context)

    def register_prefix(self, path, context=None):
        """As `register`, for all files below the folder `path`. A symlink counts as what it points to."""
        return self._grants.add(path, context, is_prefix=True)

    # -- reading

    @expose(policy=AllowAny())
    @arg_spec(spec={'path': str}, optional={'hashes': bool})
    def look(self, path, msg, hashes=False):
        """A file's metadata, plus:

        token: changes whenever the file does (bytes); digest: its SHA-256 (bytes), None for a large file not hashed
        before, unless `hashes`; content: the bytes of a small file that this caller was not given before, else None.
        """
        with self._open(path, msg) as source:
            digest = self._transfers.known_digest(source)
            answer = dict(source.metadata, token=source.token, digest=digest, content=None)
            if hashes or source.size <= HASHED_BYTES:
                with self._transfers.alone(source.token):  # many may ask for a large one at once
                    answer['digest'] = digest = self._transfers.digest(source)
                if source.size <= self._inline_bytes and not self._transfers.was_given(msg.src_id, digest):
                    answer['content'] = source.whole()
                    self._transfers.has_given(msg.src_id, digest)
            return answer

    @expose(policy=AllowAny())
    @arg_spec(spec={'path': str, 'into': Sender, 'token': (bytes, type(None)), 'offset': int})
    def begin_fetch(self, path, into, token, offset, msg):
        """Send a file to `into` (see Sending), from `offset` on if `token` is still current. Returns metadata and
        offset."""
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
        """A Reader, if the caller has permission."""
        if has_parent_authority(msg):
            return _opened(path)
        real = self._grants.find(path, msg.src_id)
        if real is None:
            raise self._not_granted(msg)
        source = _opened(real, follows=False)
        # A symlink may have been changed between the check and the opening: then another file was opened.
        if self._grants.find('/proc/self/fd/%d' % source.fileno(), msg.src_id) != real:
            source.close()
            raise self._not_granted(msg)
        return source

    def _not_granted(self, msg):
        return TransferError('file not granted to context %d. Register it for that context' % msg.src_id)

    # -- writing

    @expose(policy=AllowParents())
    @arg_spec(
        spec={
            'path': str, 'size': int, 'token': bytes, 'digest': (bytes, type(None)), 'data': (bytes, type(None)),
            'wanted': dict,
        },
        optional={'here': tuple},
    )  # fmt: skip
    def begin_put(self, path, size, token, digest, data, wanted, msg, here=None):
        """Receive a file. data: all of it; here: see svcfw.files.disk.same_machine. Otherwise it is copied from what is
        here, or the answer has is_done False, and

        into: where to send it (Sender, see Sending); offset: bytes kept of an interrupted transfer; signature: of the
        present file (see svcfw.files.delta.blocks), or None; same_size: digests of stored contents of that size.
        """
        wanted = Wanted.decode(wanted)
        store = self._transfers.store
        try:
            writer = Writer(path, None if data is not None else token)
        except OSError as e:
            raise transfer_error(e) from e
        try:
            if data is not None:
                writer.restart()
                writer.write(data)
                answer = self._done(writer, digest, path, wanted)
                store.put(digest, data)
                return answer
            if digest is not None and store.holds(digest) and writer.fill(lambda fd: store.copy_to(digest, fd)):
                return self._done(writer, digest, path, wanted)
            if here is not None and writer.fill(lambda fd: same_machine.copy(shaped(here, _NAMED), fd)):
                return self._done(writer, digest, path, wanted)
            return self._take(writer, path, size, wanted, msg)
        except Exception as e:
            writer.discard()
            raise transfer_error(e) from e

    def _done(self, writer, digest, path, wanted):
        writer.finish(digest, wanted)
        if digest is not None:
            self._transfers.keep(digest, path)
        return {'is_done': True}

    def _take(self, writer, path, size, wanted, msg, compares=True):
        """Answer as `begin_put` where the content has to come. compares: tell the sender of what is here."""
        if writer.offset > size:
            writer.restart()
        present = None if writer.offset or not compares else _present(path, size)
        copies = None if present is None else present.fileno()

        def finish(digest):
            writer.finish(digest, wanted)
            self._transfers.keep(digest, path)

        def over(error, value):
            if isinstance(error, ChannelError):
                writer.abandon()  # keeps what has arrived, for a later transfer to resume
            else:
                writer.discard()
            if present is not None:
                present.close()

        try:
            packed = None if present is None else _blocks().signature(present.fileno(), present.size).pack()
            into = self._receive(FilePlace(writer, finish, size, copies), over, msg)
        except BaseException:
            if present is not None:
                present.close()
            raise
        return {
            'is_done': False,
            'into': into,
            'offset': writer.offset,
            'signature': packed,
            'same_size': list(self._transfers.store.of_size(size)) if compares else [],
        }

    # -- folders

    @expose(policy=AllowParents())
    @arg_spec(spec={'path': str, 'preserves': bool, 'owner': bool})
    def begin_put_tree(self, path, preserves, owner, msg):
        """Receive a folder. Answer: into: where to send it (Sender); lacks_all: whether the folder is new."""
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
        """Send a folder to `into`. lacks_all: the receiver has nothing of it.

        Contexts other than ancestors need a grant, and symlinks are not followed for them.
        """
        if not has_parent_authority(msg):
            real = self._grants.find(path, msg.src_id)
            if real is None or follow:
                raise TransferError('folder not granted to context %d. Register it for that context' % msg.src_id)
            path = decoded(real)
        try:
            source = FolderSource(path, follow)
        except OSError as e:
            raise transfer_error(e) from e
        self._send_tree(source, into, lacks_all, msg)

    @expose(policy=AllowAny())
    @arg_spec(spec={'paths': list, 'into': Sender, 'lacks_all': bool})
    def begin_fetch_files(self, paths, into, lacks_all, msg):
        """Send files to `into` as members of one folder (see FilesSource), each of which the caller may fetch."""
        if not all(type(path) is str for path in paths):
            raise TransferError('malformed request: expected paths')
        self._send_tree(FilesSource(paths, lambda path: self._open(path, msg), self._transfers), into, lacks_all, msg)

    def _send_tree(self, source, into, lacks_all, msg):
        parts = TreeParts(source, self._transfers, msg.src_id)
        parts.lacks_all = lacks_all
        self._send(parts, into, msg)

    # -- for contexts behind this one (relay)

    @expose(policy=AllowParents())
    @arg_spec(spec={'digest': bytes, 'size': int}, optional={'data': (bytes, type(None))})
    def begin_hold(self, digest, size, msg, data=None):
        """Receive a content to relay; answers as `begin_put` does, or None if there is no room.

        data: all of it. is_done is also True while another transfer of it is arriving.
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
        """Put a content that is held, or arriving, to a file of `target`, a descendant: True once it is in place.

        False if it is not held any more, or did not arrive completely. packs: as for `put`; progress: Sender that is
        told the number of bytes sent, about a hundred times.
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
        """Cache contents in the folder `path` too, up to `max_bytes`."""
        self._transfers.keep_in(path, max_bytes)

    # -- inside

    def _holding(self):
        holding = load('svcfw.files.relay.holding')
        with self._lock:
            if self._held is None:
                self._held = holding.Holding(self.router, self._receive, self._on_pool)
            return self._held

    def _send(self, parts, into, msg, done=None):
        """Start a Sending, which closes `parts`; `done()` is called once the receiver has everything."""
        try:
            if into.context.id != msg.src_id:
                raise TransferError('the destination of a transfer must be the caller: context %d' % msg.src_id)
            end = self._limits.begin(msg.src_id)
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
        """Start a Receiving; returns the Sender to send to."""
        end = self._limits.begin(msg.src_id)

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

    def _on_pool(self, function):
        try:
            self.router.services.defer(function)
        except (AttributeError, PoolError):
            function()  # the pool has ended: the transfer ends too


def _opened(path, follows=True):
    try:
        return Reader(path, follows)
    except OSError as e:
        raise transfer_error(e) from e


def _blocks():
    """What compares blocks, which not every context that takes files needs."""
    return load('svcfw.files.delta.blocks')


def _present(path, size):
    """The present file at `path` (Reader) if a delta transfer pays off, else None."""
    try:
        source = Reader(path)
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
