"""Put: transfer of one content to a file of another context. Owner and mode: svcfw.files.disk.writer, over there."""

from svcfw.core import load
from svcfw.files.calls import SERVICE, call, checked, send
from svcfw.files.disk import same_machine
from svcfw.files.disk.reader import Reader
from svcfw.files.messages.file_parts import DATA, FileParts
from svcfw.files.transfers import HASHED_BYTES, INLINE_BYTES, Transfers


class Put(object):
    """Transfer of one content to one file of one context.

    source: Reader or Content; wanted: as for `Wanted.decode`; the rest as for `put`.
    """

    def __init__(self, context, source, to, wanted, packs=False, on_progress=None):
        self.context = context
        self.source = source
        self.to = to
        self.wanted = wanted
        self._router = context.router
        self._transfers = Transfers.of(self._router)
        self._token = source.token
        self.packs = packs
        self.on_progress = on_progress

    def run(self):
        """Transfer the content; returns when the file is in place."""
        source = self.source
        between = self._context_between()
        digest = self._transfers.known_digest(source)
        if digest is None and (between is not None or source.size <= HASHED_BYTES):
            with self._transfers.alone(source.token):
                digest = self._transfers.digest(source)
        # Concurrent puts of the same content wait: the receiver may be able to copy it.
        with self._transfers.alone((self.context.id, digest or source.size)):
            if between is None or not self._put_through(between, digest):
                self._put(digest)
        self.report(source.size)

    def _context_between(self):
        """The next context on the route; None for a direct child."""
        neighbour = self._router.neighbour(self.context)
        return None if neighbour == self.context else neighbour

    def _put_through(self, between, digest):
        """Whether the put was done by way of `between`."""
        self._token = digest  # so that a direct transfer and one by way of `between` can resume each other
        return load('svcfw.files.relay.through').Through(self, between, digest).run()

    def _put(self, digest):
        answer = self.begin(digest, self.inline(digest), self._named())
        if not answer['is_done']:
            digest = self.send(answer)
        if digest is not None:
            self._transfers.has_given(self.context.id, digest)

    def inline(self, digest):
        """All of the content (bytes) if it is to travel with the request: a small one that was not given before."""
        is_inline = self.source.size <= INLINE_BYTES and not self._transfers.was_given(self.context.id, digest)
        return self.source.whole() if is_inline else None

    def begin_known(self, digest, data):
        """As `begin` with a digest; returns the ServiceReply, whose value `begun` checks."""
        return self.context.call_service_async(SERVICE, 'begin_put', digest=digest, data=data, **self._arguments())

    def begun(self, answer):
        """The answer to `begin_known`, checked. TransferError."""
        return checked(self.context, self.to, answer, self.source.size)

    def _named(self):
        """Where a receiver below may find a larger file itself. One above would read what it is told to."""
        is_below = self.context.id not in self._router.parent_ids
        return same_machine.named(self.source) if is_below and self.source.size > HASHED_BYTES else None

    def begin(self, digest, data, here=None):
        """Ask the receiver to take the file; its answer (see FileService.begin_put), validated.

        If the receiver may have the content under another name, asks again with the digest.
        """
        source, arguments = self.source, self._arguments()
        more = {'here': here} if here else {}
        answer = self._ask(digest=digest, data=data, **arguments, **more)
        if digest is None and not answer['is_done'] and answer['same_size']:
            digest = self._transfers.digest(source)
            if digest in answer['same_size']:
                answer['into'].close('the receiver has the content')
                answer = self._ask(digest=digest, data=None, **arguments)
        return answer

    def _arguments(self):
        return {'path': self.to, 'size': self.source.size, 'token': self._token, 'wanted': self.wanted}

    def _ask(self, **arguments):
        return self.begun(call(self.context, self.to, 'begin_put', **arguments))

    def send(self, answer, allow=None):
        """Send what an answer to `begin` or FileService.begin_hold asks for; returns the SHA-256 of the whole content.

        allow(n): called before each piece of `n` bytes to be sent; an exception ends the transfer.
        """
        with self.source.again() as source:
            try:
                digest = self._transfers.begin_sending(source)
                if digest is not None:
                    source.trust(digest)
                return self._send_parts(source, answer, allow)
            finally:
                self._transfers.end_sending(source)

    def _send_parts(self, source, answer, allow):
        pieces = None
        if answer.get('signature') is not None and isinstance(source, Reader):
            pieces = self._transfers.match(source, answer['signature'])
        else:
            source.skip(answer['offset'])
        if allow is not None:
            pieces = _allowed(pieces or [(DATA, source.offset, source.size - source.offset)], allow)
        parts = FileParts(source, pieces, self.packs)
        send(answer['into'].context, parts, answer['into'], self.to, self.report)
        digest = source.digest()  # computed here: the receiver's word on our file is not trusted
        self._transfers.remember_digest(source, digest)
        return digest

    def report(self, done):
        if self.on_progress is not None:
            self.on_progress(done, self.source.size)


def _allowed(pieces, allow):
    for piece in pieces:
        if piece[0] == DATA:
            allow(piece[2])
        yield piece
