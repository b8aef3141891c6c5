"""Holding: contents that this context relays to contexts behind it. FileService loads it on first use."""

import _thread
import _weakref

from svcfw.core.dispatch import call_error, fail
from svcfw.core.latch import Latch
from svcfw.files.calls import SERVICE, explained, leads_to, malformed, wait_for
from svcfw.files.disk.reader import Content
from svcfw.files.messages.file_parts import FileParts, FilePlace
from svcfw.files.put import Put
from svcfw.files.relay.contents import NoRoomError, Packs, RelayedContents
from svcfw.files.relay.listing import Listing
from svcfw.files.relay.spools import Spools
from svcfw.files.relay.tree_relay import RelayedTreeParts
from svcfw.files.relay.tree_through import TreeThrough
from svcfw.files.sending import Sending
from svcfw.files.transfers import MAX_HELD_BYTES, Transfers
from svcfw.service.errors import TransferError, transfer_error
from svcfw.service.exposed import NO_REPLY

_PIECE_BYTES = 256 * 1024
#: Threads of its own for relays to contexts that are no children of this one; more of them take threads of the pool.
MAX_THREADS = 64


class Holding(object):
    """One for each FileService, whose relay calls it runs on the threads of the pool.

    receive(place, over, msg): starts a Receiving; on_pool(function): runs it on a thread of the pool.
    """

    def __init__(self, router, receive, on_pool):
        self._transfers = Transfers.of(router)
        self._receive = receive
        self._on_pool = on_pool
        self._router = router
        self._spools = Spools(router.loop, MAX_HELD_BYTES)
        self._packs = Packs(self._spools)
        self._known_listing = None  # (digest, weak reference)
        self._lock = _thread.allocate_lock()
        self._threads = 0

    def begin(self, digest, size, data, msg):
        """As FileService.begin_hold."""
        if data is not None:
            self._transfers.store.put(digest, data)
            return {'is_done': True}
        if size <= MAX_HELD_BYTES and self._transfers.store.get(digest) is not None:
            return {'is_done': True}
        begun = self._spools.begin(digest, size)
        if begun is None:
            return None
        spool, is_new = begun
        if not is_new:
            return {'is_done': True}
        try:
            if spool.fill(self._transfers.store):
                self._spools.filled(spool)
                return {'is_done': True}
            into = self._receive(FilePlace(spool, lambda said: self._finish(spool, said), size), self._over(spool), msg)
        except (TransferError, OSError) as e:
            self._spools.filled(spool, str(transfer_error(e)))
            return None
        except BaseException:
            self._spools.filled(spool, 'it did not begin')
            raise
        return {'is_done': False, 'into': into, 'offset': 0, 'signature': None}

    def _finish(self, spool, digest):
        spool.finish(digest)
        if spool.fd is None:
            self._transfers.store.put(digest, spool.content())

    def _over(self, spool):
        """A callback for the end of the Receiving that fills `spool`."""

        def over(error, value):
            if error is None and spool.fd is not None:
                self._keep(spool)
            self._spools.filled(spool, None if error is None else str(transfer_error(error)))

        return over

    def _keep(self, spool):
        """Copy it to the cache folder, if there is one."""
        try:
            self._transfers.store.put_file(spool.digest, spool.fd)
        except (OSError, ValueError):  # it is there for those who read it now
            pass

    def relay(self, target, path, digest, options, progress, msg):
        """As FileService.relay. options: `wanted` and `packs`."""
        source = self._open(digest)
        if source is None:
            return False
        report = None if progress is None else _Progress(progress, source.size)
        wanted, packs = options
        put = Put(target, source, path, wanted, packs, report)
        if self._is_child(target):
            return self._run(put, lambda: self._send(put, msg))
        return self._on_own_thread(lambda: self._run(put, lambda: self._pass_on(put)), msg)

    def _run(self, put, function):
        """The answer of a relay, `function()`; False if that fails because the content did not arrive."""
        try:
            return function()
        except Exception:
            has_failed = put.source.failure is not None
            put.source.close()
            if has_failed:
                return False
            raise

    def _pass_on(self, put):
        put.run()
        put.source.close()
        return True

    def _is_child(self, target):
        return self._router.neighbour(target) == target

    def _on_own_thread(self, function, msg):
        """Answer `msg` with what `function()` returns or raises; it may wait long, and the pool's threads are few."""
        with self._lock:
            is_one_more = self._threads < MAX_THREADS
            self._threads += is_one_more
        if not is_one_more:
            return function()

        def run():
            try:
                answer = function()
                if answer is not NO_REPLY:
                    msg.reply(answer)
            except BaseException as e:
                fail(msg, call_error(e))
            finally:
                with self._lock:
                    self._threads -= 1

        try:
            _thread.start_new_thread(run, ())
        except RuntimeError:  # this account may have no more
            with self._lock:
                self._threads -= 1
            return function()
        return NO_REPLY

    def _open(self, digest):
        """The content as a source (SpoolReader, Content), or None."""
        source = self._spools.open(digest)
        if source is None:
            content = self._transfers.store.get(digest)
            source = None if content is None else Content(content, digest, {})
        return source

    def _send(self, put, msg):
        """Start a Put to a child, without a thread that waits."""
        source = put.source
        digest = source.digest()

        def over(error, value):
            has_failed = source.failure is not None
            source.close()
            if error is None:
                msg.reply(True)
            elif has_failed:
                msg.reply(False)
            else:
                fail(msg, call_error(explained(put.context, put.to, error)))

        def begun(answer):
            if put.begun(answer)['is_done']:
                self._transfers.has_given(put.context.id, digest)
                over(None, None)
                return

            def schedule():
                self._on_pool(sending.pump)

            one = source.again()
            one.skip(answer['offset'])
            flow = self._transfers.flow(put.context)
            sending = Sending(FileParts(one, None, put.packs), answer['into'], flow, schedule, over, put.report)
            sending.wake()

        self._when_answered(put.begin_known(digest, put.inline(digest)), begun, over)
        return NO_REPLY

    def _when_answered(self, reply, then, failed):
        """Have `then(value)` called on a thread of the pool, or `failed(error, None)`; no thread waits for it."""

        def go():
            try:
                then(reply.get())
            except Exception as e:
                failed(e, None)

        wait_for(reply, lambda reply: self._on_pool(go))

    # -- folders

    def relay_tree(self, target, path, digest, options, tell, msg):
        """As FileService.relay_tree."""
        listing = self._listing(digest)
        if listing is None:
            return None
        receive = self._receive
        store = self._transfers.store
        contents = RelayedContents(self._packs, self._spools, store, listing, tell, lambda *args: receive(*args, msg))
        progress = _Progress(tell, listing.total)

        def go():
            try:
                if not self._is_child(target):
                    neighbour = self._router.neighbour(target)
                    answer = TreeThrough(target, neighbour, listing, path, options, contents).run(progress)
                    if answer is not None:
                        contents.close()
                        return answer
                self._send_tree(target, path, listing, options, contents, progress, msg)
            except BaseException as e:
                contents.close()
                if isinstance(e, Exception) and _is_here(e, contents):
                    return False
                raise
            return NO_REPLY

        return go() if self._is_child(target) else self._on_own_thread(go, msg)

    def _send_tree(self, target, path, listing, options, contents, progress, msg):
        def over(error, value):
            contents.close()
            if error is None:
                msg.reply(value)
            elif _is_here(error, contents):
                msg.reply(False)
            else:
                fail(msg, call_error(explained(target, path, error)))

        def begun(answer):
            lacks_all = answer.get('lacks_all') if type(answer) is dict else None
            if type(lacks_all) is not bool or not leads_to(target, answer.get('into')):
                raise malformed(target, path)

            def schedule():
                self._on_pool(sending.pump)

            parts = RelayedTreeParts(listing, contents, self._transfers, target.id, lacks_all)
            flow = self._transfers.flow(target)
            sending = Sending(parts, answer['into'], flow, schedule, over, lambda done: progress(done, listing.total))
            sending.wake()

        self._when_answered(target.call_service_async(SERVICE, 'begin_put_tree', path=path, **options), begun, over)

    def _listing(self, digest):
        """The Listing packed as the content of this digest, shared by all its relays; None if it is not held."""
        known = self._known_listing
        listing = known[1]() if known is not None and known[0] == digest else None
        if listing is None:
            content = self._whole(digest)
            if content is None:
                return None
            listing = Listing.unpack(content)
            self._known_listing = digest, _weakref.ref(listing)
        return listing

    def _whole(self, digest):
        """Wait for a content that is held here or arriving (bytes); None if it is neither, or fails to arrive."""
        source = self._open(digest)
        if source is None:
            return None
        arrived = Latch(self._router.loop)
        source.follow(arrived.put)
        pieces = []
        try:
            while True:
                piece = source.read(_PIECE_BYTES)
                if piece is None:
                    arrived.get()
                elif not piece:
                    return b''.join(pieces)
                else:
                    pieces.append(bytes(piece) if type(piece) is int else piece)
        except TransferError:
            return None
        finally:
            source.close()


def _is_here(error, contents):
    """Whether a relay has failed because this context lacks a content, and cannot keep it."""
    return isinstance(error, NoRoomError) or contents.failure is not None


class _Progress(object):
    """Reports progress to a Sender, in steps of one hundredth."""

    def __init__(self, to, size):
        self._to = to
        self._step = size // 100
        self._next = 0

    def __call__(self, done, total=None):
        if done >= self._next:
            self._next = done + self._step
            self._to.send(done)
