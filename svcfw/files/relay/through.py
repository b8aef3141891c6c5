"""Through: a Put by way of the next context on the route, which relays it. Loaded for targets that are no children."""

from svcfw.core.context import Sender
from svcfw.core.latch import Latch
from svcfw.core.wire.errors import CallError, Error
from svcfw.files.calls import SERVICE, call, checked, explained, lost_or, malformed
from svcfw.files.transfers import INLINE_BYTES, MAX_HELD_BYTES, Transfers
from svcfw.service.errors import TransferError

#: After this many failures of other senders of the same content, this one sends directly.
ATTEMPTS = 4


class _TooMuch(Exception):
    """The delta is larger than the whole content."""


class Through(object):
    """One Put by way of `neighbour`; digest: of its source."""

    def __init__(self, put, neighbour, digest):
        self._put = put
        self._transfers = Transfers.of(put.context.router)
        self._neighbour = neighbour
        self._digest = digest

    def run(self):
        """Whether the file is in place. False: it must be sent directly, and nothing has changed there."""
        source = self._put.source
        if source.size <= INLINE_BYTES:
            return self._pass_small()
        if source.size > MAX_HELD_BYTES and self._is_partly_there():
            return True
        for _ in range(ATTEMPTS):
            passed = self._pass()
            if passed is not None:
                return passed
            self._require_unchanged()
        return self._go_straight('those who sent it there have failed')

    def _require_unchanged(self):
        """Raise TransferError if the file was modified since it was opened."""
        try:
            self._put.source.check()
        except TransferError as e:
            raise explained(self._put.context, self._put.to, e) from e

    def _is_partly_there(self):
        """Send only what the target lacks, directly, if it has an older version or a part; whether that sufficed.

        Direct transfers of one content by way of one neighbour share a tally: when it exceeds the size of the whole,
        they stop. So the content crosses the link at most twice, for any number of targets.
        """
        answer = self._put.begin(self._digest, None)
        if answer['is_done']:
            return True
        if not answer['offset'] and answer.get('signature') is None:
            answer['into'].close('it comes by way of %s' % self._neighbour)
            return False
        straight = self._transfers.tally((self._neighbour.id, self._digest))

        def allow(n):
            if straight.add(n) > self._put.source.size:
                raise _TooMuch('it comes by way of %s' % self._neighbour)

        try:
            self._put.send(answer, allow)
        except _TooMuch:
            return False
        return True

    def _pass_small(self):
        """As `run`, for a content that is sent within the request: hold and relay together take one round trip."""
        put, neighbour, digest = self._put, self._neighbour, self._digest
        for _ in range(ATTEMPTS):
            with self._transfers.alone((neighbour.id, digest)):
                held = None
                if not self._transfers.was_given(neighbour.id, digest):
                    with put.source.again() as source:
                        data = source.whole()
                    held = neighbour.call_service_async(SERVICE, 'begin_hold', digest=digest, size=len(data), data=data)
                relay = _Relay(put, neighbour, digest, False)
                try:
                    if held is not None:
                        self._require_held(held)
                        self._transfers.has_given(neighbour.id, digest)
                except BaseException:
                    relay.close()
                    raise
            try:
                if relay.outcome():
                    return True
            finally:
                relay.close()
            if held is None:  # else it was asked for before it was there
                self._transfers.has_lost(neighbour.id, digest)
        return self._go_straight('it does not keep it')

    def _require_held(self, held):
        try:
            answer = held.get()
        except CallError as e:
            raise lost_or(e, self._neighbour, self._put.to) from e
        if not checked(self._neighbour, self._put.to, answer, self._put.source.size)['is_done']:
            raise malformed(self._neighbour, self._put.to)

    def _pass(self):
        """As `run`; None: another sender was to send the content, and failed."""
        put, neighbour = self._put, self._neighbour
        answer = call(neighbour, put.to, 'begin_hold', digest=self._digest, size=put.source.size)
        if answer is None:
            return self._go_straight('it has no room for it')
        is_mine = not checked(neighbour, put.to, answer, put.source.size)['is_done']
        relay = _Relay(put, neighbour, self._digest, not is_mine)
        try:
            failure = self._feed(answer) if is_mine else None
            passed = relay.outcome()
        finally:
            relay.close()
        if passed or not is_mine:
            return passed or None
        return self._go_straight(failure or 'it did not keep it')

    def _feed(self, answer):
        """Send the content to the neighbour; returns the TransferError if that failed, else None."""
        self._transfers.forget_tally((self._neighbour.id, self._digest))
        try:
            self._put.send(answer)
        except TransferError as e:
            self._require_unchanged()
            return e  # it may have reached the target all the same, or that has failed, which has its own answer
        return None

    def _go_straight(self, reason):
        router = self._put.context.router
        router.log(router, 30, '%s does not pass %s on to %s, which gets it straight: %s' % (
            self._neighbour, self._put.to, self._put.context, reason
        ))  # fmt: skip
        return False


class _Relay(object):
    """The request to relay a content that `neighbour` holds. watches: whether to report its progress."""

    def __init__(self, put, neighbour, digest, watches):
        self._put = put
        self._neighbour = neighbour
        self._router = router = put.context.router
        self._events = Latch(router.loop)
        self._handle = router.add_handler(self._on_progress, respondent=neighbour)
        progress = Sender(router.myself(), self._handle) if watches and put.on_progress is not None else None
        arguments = {'target': put.context, 'path': put.to, 'digest': digest, 'wanted': put.wanted, 'packs': put.packs}
        self._reply = neighbour.call_service_async(SERVICE, 'relay', progress=progress, **arguments)
        self._reply.notify = self._events.put
        if not self._reply.empty() or self._reply.closed is not None:
            self._events.put(self._reply)

    def _on_progress(self, message):
        """Loop thread. Keeps one report at a time, so that a neighbour cannot fill the memory."""
        if self._events.empty():
            self._events.put(message)

    def outcome(self):
        """The answer (bool)."""
        while True:
            event = self._events.get()
            if event is self._reply:
                break
            if not event.is_dead:
                self._put.report(self._checked(event))
        try:
            passed = self._reply.get()
        except CallError as e:
            raise lost_or(e, self._neighbour, self._put.to) from e
        if type(passed) is not bool:
            raise malformed(self._neighbour, self._put.to)
        return passed

    def _checked(self, event):
        """Bytes sent so far, as the neighbour reports."""
        try:
            done = event.value()
        except Error as e:
            raise malformed(self._neighbour, self._put.to) from e
        if type(done) is not int or not 0 <= done <= self._put.source.size:
            raise malformed(self._neighbour, self._put.to)
        return done

    def close(self):
        """Stop listening: the outcome is known or not wanted."""
        self._router.remove_handler(self._handle)
        if self._reply.closed is None:
            self._reply.cancel()
