"""Holding: contents that this context relays to contexts behind it. FileService loads it on first use."""

from svcfw.core.dispatch import call_error, fail
from svcfw.files.calls import explained
from svcfw.files.disk.reader import Content
from svcfw.files.messages.file_parts import FileParts, FilePlace
from svcfw.files.put import Put
from svcfw.files.relay.spools import Spools
from svcfw.files.sending import Sending
from svcfw.files.transfers import MAX_HELD_BYTES, Transfers
from svcfw.service.errors import TransferError, transfer_error
from svcfw.service.exposed import NO_REPLY


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

    def begin(self, digest, size, msg):
        """As FileService.begin_hold."""
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
        try:
            if self._router.neighbour(target) == target:
                return self._send(put, msg)
            put.run()  # the target is not a child of this context
        except Exception:
            has_failed = source.failure is not None
            source.close()
            if has_failed:
                return False
            raise
        source.close()
        return True

    def _open(self, digest):
        """The content as a source (SpoolSource, Content), or None."""
        source = self._spools.open(digest)
        if source is None:
            content = self._transfers.store.get(digest)
            source = None if content is None else Content(content, digest, {})
        return source

    def _send(self, put, msg):
        """Start a Put to a child, without a thread that waits; returns the immediate answer."""
        source = put.source
        answer = put.begin(source.digest(), None)
        if answer['is_done']:
            source.close()
            return True

        def over(error, value):
            has_failed = source.failure is not None
            source.close()
            if error is None:
                msg.reply(True)
            elif has_failed:
                msg.reply(False)
            else:
                fail(msg, call_error(explained(put.context, put.to, error)))

        def schedule():
            self._on_pool(sending.pump)

        one = source.again()
        one.skip(answer['offset'])
        flow = self._transfers.flow(put.context)
        sending = Sending(FileParts(one, None, put.packs), answer['into'], flow, schedule, over, put.report)
        sending.wake()
        return NO_REPLY


class _Progress(object):
    """Reports progress to a Sender, in steps of one hundredth."""

    def __init__(self, to, size):
        self._to = to
        self._step = size // 100
        self._next = 0

    def __call__(self, done, total):
        if done >= self._next:
            self._next = done + self._step
            self._to.send(done)
