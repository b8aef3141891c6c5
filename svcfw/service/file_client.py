"""Files to and from other contexts, for who asks: the other side is the FileService there.

Every function runs on the calling thread, which needs no pool, and blocks until it has succeeded or failed. On
failure what was there before is as it was. All raise TransferError, which names context, file and cause, OSError for a
file of this context, ChannelError when the other one is lost.
"""

from svcfw.core.context import Sender
from svcfw.core.wire.errors import CallError, ChannelError
from svcfw.service.blocks import Signature, match
from svcfw.service.destination import Destination
from svcfw.service.errors import TransferError
from svcfw.service.file_parts import FileParts, FilePlace
from svcfw.service.receiving import Receiving
from svcfw.service.sending import Sending
from svcfw.service.sink import Sink, Wanted
from svcfw.service.sinks import FileObject
from svcfw.service.source import Source, decoded
from svcfw.service.transfers import CallingThread, Transfers, explained
from svcfw.service.tree_parts import TreeParts, TreePlace

#: Named, not imported: the service offers these functions as its own.
SERVICE = 'svcfw.service.files.FileService'
#: A file of at most this size travels with the request, which then takes one round trip.
INLINE_BYTES = 64 * 1024
#: A file of at most this size is hashed before it is sent; a larger one if the receiver has one of its size.
HASHED_BYTES = 1024 * 1024


def put(context, path, to, mode=None, owner=None, group=None, preserves=False, is_durable=False, packs=False,
        on_progress=None):  # fmt: skip
    """Copy the local file `path` to the file `to` of `context`, a child or a descendant of this one.

    mode, owner, group: as in svcfw.service.sink.Wanted; by default a new file gets the mode that this one has, less
    the umask there, and one that is there keeps its own. preserves: take mode, owner, group and times from this one.
    packs: use zlib where the path is slow. on_progress(bytes done, bytes in all) is called as it goes on.
    """
    with Source(path) as source:
        wanted = _wanted(source, mode, owner, group, preserves, is_durable)
        Put(context, source, decoded(to), wanted, packs, on_progress).run()


def get(context, path, out_fp, on_progress=None):
    """Copy the file `path` of `context`, which has granted it, to a binary file object; returns its metadata (dict).

    size, mode, owner, group, mtime_ns, atime_ns. What was written to `out_fp` when it fails is not taken back.
    """
    sink = FileObject(out_fp)
    return _fetch(context, decoded(path), sink, lambda digest, meta: sink.check(digest), on_progress)


def fetch(context, path, to, preserves=False, is_durable=False, on_progress=None):
    """Copy the file `path` of `context` to the local file `to`; returns its metadata as `get` does.

    A transfer that is cut off is gone on with by the next for the same file. preserves: mode, owner, group and times
    of the original; else as for `put`.
    """
    path = decoded(path)
    meta = _call(context, path, 'stat', path=path)
    transfers = Transfers.of(context.router)
    sink = Sink(to, meta['token'])
    try:

        def finish(digest, meta):
            sink.finish(digest, Wanted(durable=is_durable, **(_preserved(meta) if preserves else {})))
            transfers.keep(digest, to)

        return _fetch(context, path, sink, finish, on_progress, meta['token'])
    except ChannelError:
        sink.abandon()  # what has come can be gone on with
        raise
    finally:
        sink.discard()


def put_tree(context, path, to, follow=False, preserves=True, owner=False, on_progress=None):
    """Bring the local folder `path` with all that is in it to the folder `to` of `context`; what else is there stays.

    Contents that are there already are not sent. If `to` is not there it appears whole, else file by file.
    follow: take links for what they lead to. preserves: modes and times of this one; owner: accounts, too, if the other
    side is root's. on_progress(bytes done, bytes found so far). Returns {'files', 'written', 'skipped'}: regular files,
    those whose content was sent, names (at most 100) of what is neither file nor folder nor link.
    """
    path, to = decoded(path), decoded(to)
    parts = TreeParts(path, follow)
    try:
        answer = _call(context, to, 'begin_put_tree', path=to, preserves=preserves, owner=owner)
    except BaseException:
        parts.close()
        raise
    parts.lacks_all = answer['lacks_all']
    return _send(context, parts, answer['into'], to, lambda done: on_progress and on_progress(done, parts.total))


def get_tree(context, path, to, follow=False, preserves=True, on_progress=None):
    """The same from the folder `path` of `context` to the local folder `to`, without owners and set-id bits."""
    path, to = decoded(path), decoded(to)
    with Destination(to) as destination:
        place = TreePlace(destination, preserves)

        def begin(into):
            arguments = {'path': path, 'into': into, 'follow': follow, 'lacks_all': destination.is_new}
            _call(context, path, 'begin_fetch_tree', **arguments)

        return _receive(context, place, begin, path, lambda done: on_progress and on_progress(done, place.total))


def _preserved(meta):
    return {name: meta[name] for name in ('mode', 'owner', 'group', 'mtime_ns', 'atime_ns')}


def _wanted(source, mode, owner, group, preserves, is_durable):
    wanted = _preserved(source.metadata) if preserves else {'default_mode': source.metadata['mode']}
    given = {'mode': mode, 'owner': owner, 'group': group, 'durable': is_durable}
    wanted.update((name, value) for name, value in given.items() if value not in (None, False))
    return wanted


def _call(context, about, method, **arguments):
    """Call the FileService of `context`; `about`: the file (str) that errors are to name."""
    try:
        return context.call_service(SERVICE, method, **arguments)
    except CallError as e:
        raise explained(context, about, e) from e


class Put(object):
    """One content to one file of one context.

    source: Source or Content; wanted: as for `Wanted.decode`; the rest as for `put`.
    """

    def __init__(self, context, source, to, wanted, packs=False, on_progress=None):
        self._context = context
        self._router = context.router
        self._transfers = Transfers.of(self._router)
        self._source = source
        self._to = to
        self._wanted = wanted
        self._packs = packs
        self._on_progress = on_progress

    def run(self):
        """Returns when the file is in its place."""
        source = self._source
        digest = self._transfers.known_digest(source)
        if source.size <= HASHED_BYTES and digest is None:
            digest = self._transfers.digest(source)
        if source.size <= INLINE_BYTES:
            self._begin(digest, source.whole())
        elif not self._relayed():
            answer = self._begin(digest, None)
            if not answer['is_done']:
                self._send(answer)
        self._report(source.size)

    def _begin(self, digest, data):
        """Ask the receiver to take the file. A content that it may have by another name is offered again by digest."""
        source = self._source
        arguments = {'path': self._to, 'size': source.size, 'token': source.token, 'wanted': self._wanted}
        answer = _call(self._context, self._to, 'begin_put', digest=digest, data=data, **arguments)
        if digest is None and answer['same_size']:
            digest = self._transfers.digest(source)
            if digest in answer['same_size']:
                answer['into'].close('the content need not travel')
                answer = _call(self._context, self._to, 'begin_put', digest=digest, data=None, **arguments)
        return answer

    def _send(self, answer):
        source = self._source
        pieces = None
        if answer['signature'] is not None and isinstance(source, Source):
            pieces = match(source.fileno(), source.size, Signature.unpack(answer['signature']))
        elif answer['offset']:
            source.skip(answer['offset'])
        parts = FileParts(source, pieces, self._packs)
        digest = _send(answer['into'].context, parts, answer['into'], self._to, self._report)
        self._transfers.remember_digest(source, digest)

    def _relayed(self):
        """Send it by way of the context that is next on the way, which keeps it for others behind it. False: cannot."""
        neighbour = self._router.neighbour(self._context)
        if neighbour is None or neighbour == self._context:
            return False
        source = self._source
        digest = self._transfers.digest(source)
        with self._transfers.alone((neighbour.id, digest)):
            answer = _call(neighbour, self._to, 'begin_hold', digest=digest, size=source.size)
            if answer is None:
                return False
            if not answer['is_done']:
                self._send(answer)
        return _call(
            neighbour, self._to, 'relay', target=self._context, path=self._to, digest=digest, wanted=self._wanted
        )

    def _report(self, done):
        if self._on_progress is not None:
            self._on_progress(done, self._source.size)


def _fetch(context, path, sink, finish, on_progress, token=None):
    """Have the file sent to `sink`, and `finish(digest, metadata)` called; returns the metadata."""
    meta = {}
    place = FilePlace(sink, lambda digest: finish(digest, meta))

    def begin(into):
        meta.update(_call(context, path, 'begin_fetch', path=path, into=into, token=token, offset=sink.offset))
        if meta.pop('offset') != sink.offset:
            sink.restart()
        place.size = meta['size']

    _receive(context, place, begin, path, lambda done: on_progress and on_progress(done, place.size))
    return meta


def _send(context, parts, into, about, on_progress):
    """Do a Sending on the calling thread; the receiver's answer. `about`: the file (str) that errors are to name."""
    router = context.router
    thread = CallingThread(router.loop)

    def schedule():
        thread.schedule(sending.pump)

    sending = Sending(parts, into, Transfers.of(router).flow(context), schedule, thread.over, on_progress)
    sending.wake()
    try:
        return _wait(thread, context, about)
    finally:
        sending.abort(TransferError('it was interrupted'))


def _receive(context, place, begin, about, on_progress):
    """Do a Receiving on the calling thread: `begin(Sender)` has the other side send. What `place.end` returned."""
    router = context.router
    thread = CallingThread(router.loop)

    def schedule():
        thread.schedule(receiving.pump)

    receiving = Receiving(router, context, place, schedule, thread.over, on_progress)
    try:
        begin(Sender(router.myself(), receiving.handle))
        return _wait(thread, context, about)
    finally:
        receiving.abort(TransferError('it was interrupted'))


def _wait(thread, context, about):
    try:
        return thread.wait()
    except (CallError, TransferError) as e:
        raise explained(context, about, e) from e
