"""Put: one content on its way to one file of another context."""

from svcfw.service.file_calls import call, checked, send
from svcfw.service.file_parts import FileParts
from svcfw.service.source import Source
from svcfw.service.transfers import HASHED_BYTES, INLINE_BYTES, Transfers


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
        if source.size <= INLINE_BYTES or not self._relayed():
            # What has the same content, or may have, waits until it can be taken from there.
            with self._transfers.alone((self._context.id, digest or source.size)):
                self._put(digest)
        self._report(source.size)

    def _put(self, digest):
        source = self._source
        is_inline = source.size <= INLINE_BYTES and not self._transfers.was_given(self._context.id, digest)
        answer = self._begin(digest, source.whole() if is_inline else None)
        if not answer['is_done']:
            digest = self._send(answer)
        if digest is not None:
            self._transfers.has_given(self._context.id, digest)

    def _begin(self, digest, data):
        """Ask the receiver to take the file. A content that it may have by another name is offered again by digest."""
        source = self._source
        arguments = {'path': self._to, 'size': source.size, 'token': source.token, 'wanted': self._wanted}
        answer = self._ask('begin_put', digest=digest, data=data, **arguments)
        if digest is None and not answer['is_done'] and answer['same_size']:
            digest = self._transfers.digest(source)
            if digest in answer['same_size']:
                answer['into'].close('the content need not travel')
                answer = self._ask('begin_put', digest=digest, data=None, **arguments)
        return answer

    def _ask(self, method, **arguments):
        return checked(self._context, self._to, call(self._context, self._to, method, **arguments), self._source.size)

    def _send(self, answer):
        try:
            digest = self._transfers.begin_sending(self._source)
            if digest is not None:
                self._source.trust(digest)
            return self._send_parts(answer)
        finally:
            self._transfers.end_sending(self._source)

    def _send_parts(self, answer):
        source = self._source
        pieces = None
        if answer.get('signature') is not None and isinstance(source, Source):
            pieces = self._transfers.match(source, answer['signature'])
        else:
            source.skip(answer['offset'])
        parts = FileParts(source, pieces, self._packs)
        send(answer['into'].context, parts, answer['into'], self._to, self._report)
        digest = source.digest()  # our own: what the other side says of a file of ours is not to be believed
        self._transfers.remember_digest(source, digest)
        return digest

    def _relayed(self):
        """Send it by way of the context that is next on the way, which keeps it for others behind it. False: cannot."""
        neighbour = self._router.neighbour(self._context)
        if neighbour is None or neighbour == self._context:
            return False
        source = self._source
        digest = self._transfers.digest(source)
        with self._transfers.alone((neighbour.id, digest)):
            answer = call(neighbour, self._to, 'begin_hold', digest=digest, size=source.size)
            if answer is None:
                return False
            if not checked(neighbour, self._to, answer, source.size)['is_done']:
                self._send(answer)
        return call(
            neighbour, self._to, 'relay', target=self._context, path=self._to, digest=digest, wanted=self._wanted
        )

    def _report(self, done):
        if self._on_progress is not None:
            self._on_progress(done, self._source.size)
