"""Put of a folder by way of the next context on the route, which relays it. Loaded for targets that are no children.

The relay gets the manifest first, and keeps it as any content. It compares it with what the target has, and requests
those contents that it neither keeps nor gets from another sender. They are sent as one sequence of messages, from which
the relay serves the target. See svcfw.files.relay.contents for its side.
"""

from svcfw.core.context import Sender
from svcfw.core.wire.errors import CallError, DecodeError, Error
from svcfw.files.calls import (
    SERVICE,
    CallingThread,
    call,
    checked,
    explained,
    leads_to,
    lost_or,
    malformed,
    send,
    wait_for,
)
from svcfw.files.disk.reader import Content
from svcfw.files.messages.file_parts import FileParts
from svcfw.files.messages.tree_parts import from_numbers
from svcfw.files.relay.feed import Feed, Folder
from svcfw.files.sending import Sending
from svcfw.files.transfers import INLINE_BYTES, Transfers
from svcfw.service.errors import TransferError

#: Attempts after which a relay that has dropped the manifest is not used.
ATTEMPTS = 4
#: Messages of the relay that wait to be processed; more are a protocol error.
MAX_TOLD = 10000
#: Requests for each content: repeated if the sender that another relay had asked has failed.
MAX_ASKED = 8


def put_tree(context, neighbour, root, to, options, follow, on_progress):
    """As svcfw.files.client.put_tree by way of `neighbour`; None: send it directly. options: dict."""
    with Folder(root, follow) as folder:
        put = TreeThrough(context, neighbour, folder.listing, to, options, folder)
        return put.run(lambda done: on_progress and on_progress(done, folder.listing.total))


class TreeThrough(object):
    """One folder to one context by way of `neighbour`.

    listing: Listing; contents: as of Feed; options: of FileService.begin_put_tree (dict).
    """

    def __init__(self, context, neighbour, listing, to, options, contents):
        self._context = context
        self._neighbour = neighbour
        self._listing = listing
        self._to = to
        self._options = options
        self._contents = contents

    def run(self, on_progress):
        """The target's answer (dict); None: send it directly. on_progress(bytes done)."""
        content, digest = self._listing.pack()
        for _ in range(ATTEMPTS):
            if not self._hold(content, digest):
                return self._go_straight('it has no room for it')
            answer = self._relay(digest, on_progress)
            if answer is False:
                return self._go_straight('it cannot keep it')
            if answer is not None:
                return answer
            Transfers.of(self._context.router).has_lost(self._neighbour.id, digest)
        return self._go_straight('it does not keep it')

    def _relay(self, digest, on_progress):
        feed = Feed(self._contents)
        relay = _TreeRelay(self._neighbour, self._to, feed, self._listing.files, on_progress)
        try:
            return relay.run({'target': self._context, 'path': self._to, 'digest': digest, 'options': self._options})
        except TransferError as e:
            raise explained(self._context, self._to, e) if e is feed.error else e

    def _hold(self, content, digest):
        """Send the manifest to the relay; returns whether it keeps it."""
        neighbour, size = self._neighbour, len(content)
        transfers = Transfers.of(neighbour.router)
        with transfers.alone((neighbour.id, digest)):
            is_inline = size <= INLINE_BYTES and not transfers.was_given(neighbour.id, digest)
            answer = call(
                neighbour, self._to, 'begin_hold', digest=digest, size=size, data=content if is_inline else None
            )
            if answer is None:
                return False
            if not checked(neighbour, self._to, answer, size)['is_done']:
                parts = FileParts(Content(content, digest, {}))
                send(neighbour, parts, answer['into'], self._to, lambda done: None)
            transfers.has_given(neighbour.id, digest)
        return True

    def _go_straight(self, reason):
        router = self._context.router
        router.log(router, 30, '%s does not pass %s on to %s, which gets it straight: %s' % (
            self._neighbour, self._to, self._context, reason
        ))  # fmt: skip


class _TreeRelay(object):
    """The request to relay a folder; serves the relay's requests for contents meanwhile, on the calling thread."""

    def __init__(self, neighbour, to, feed, files, on_progress):
        self._neighbour = neighbour
        self._to = to
        self._feed = feed
        self._files = files
        self._on_progress = on_progress
        self._router = neighbour.router
        self._thread = CallingThread(self._router.loop)
        self._sending = None
        self._is_sending = False
        self._answer = None  # (error or None, value)
        self._told = 0
        self._asked = 0

    def run(self, arguments):
        """The answer (dict); False: the relay cannot keep the contents; None: it does not have the manifest."""
        handle = self._router.add_handler(self._on_told, respondent=self._neighbour)
        reply = None
        try:
            tell = Sender(self._router.myself(), handle)
            reply = self._neighbour.call_service_async(SERVICE, 'relay_tree', tell=tell, **arguments)
            wait_for(reply, lambda reply: self._thread.schedule(lambda: self._take_answer(reply)))
            return self._checked(self._thread.wait())
        finally:
            self._router.remove_handler(handle)
            if self._sending is not None:
                self._sending.abort(TransferError('it was interrupted'))
            if reply is not None and reply.closed is None:
                reply.cancel()

    def _on_told(self, message):
        """Loop thread."""
        self._told += 1
        if not message.is_dead:
            self._thread.schedule(lambda: self._take(message))

    # -- the calling thread

    def _take(self, message):
        self._told -= 1
        try:
            value = message.value()
            if self._told > MAX_TOLD:
                raise DecodeError('too many messages of a relay wait')
            if value is None:
                self._feed.enough()
            elif type(value) is int:
                self._on_progress(value)
            elif type(value) is bytes:
                self._want(from_numbers(value))
            elif leads_to(self._neighbour, value) and self._sending is None:
                self._begin_sending(value)
            else:
                raise DecodeError('malformed message of a relay')
        except (DecodeError, CallError) as e:
            raise malformed(self._neighbour, self._to) from e

    def _want(self, numbers):
        self._asked += len(numbers)
        if self._asked > MAX_ASKED * len(self._files) or not self._files.keys() >= set(numbers):
            raise DecodeError('it asks for what is not there')
        self._feed.want(numbers)

    def _begin_sending(self, into):
        flow = Transfers.of(self._router).flow(self._neighbour)

        def schedule():
            self._thread.schedule(sending.pump)

        self._is_sending = True
        self._sending = sending = Sending(self._feed, into, flow, schedule, self._sent)
        sending.wake()

    def _sent(self, error, value):
        self._is_sending = False
        self._settle()

    def _take_answer(self, reply):
        try:
            self._answer = None, reply.get()
        except CallError as e:
            self._answer = lost_or(e, self._neighbour, self._to), None
        except Error as e:
            self._answer = e, None
        self._feed.enough()
        self._settle()

    def _settle(self):
        """Whether there is an answer, and all contents that other relays wait for have been sent."""
        if self._feed.error is not None:
            self._thread.over(self._feed.error, None)
        elif self._answer is not None and not self._is_sending:
            self._thread.over(*self._answer)

    def _checked(self, answer):
        if answer is None or answer is False:
            return answer
        kinds = {'files': int, 'written': int, 'skipped': list}
        if type(answer) is not dict or any(type(answer.get(name)) is not kind for name, kind in kinds.items()):
            raise malformed(self._neighbour, self._to)
        return answer
