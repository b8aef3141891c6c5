"""Sending: the sending end of a transfer of a file or folder, paced by acknowledgements.

A transfer is a sequence of messages (tuples, the first item is the kind) to the handle that the receiver named. START
comes first, with the Sender for acknowledgements; END, which is answered, comes last. The messages between are
described in svcfw.files.messages. An acknowledgement is the number of bytes processed in total (int; see `cost`), or
the reason (str) why the receiver takes no more.
"""

import _thread
import collections

from svcfw.core.context import Sender
from svcfw.core.wire.errors import Error
from svcfw.service.errors import TransferError, transfer_error

START, END = 'start', 'end'
#: Cost of a message beside its payload, in bytes.
MESSAGE_BYTES = 64
#: A receiver that acknowledges nothing for this long is given up.
STALL_S = 300.0
#: Messages sent before other transfers get a turn.
TURN = 16

#: In place of a message: none is available yet; `Sending.ask` has sent it.
WAIT, ASKED = object(), object()


def cost(message):
    """What a message counts for in acknowledgements (int, bytes)."""
    return MESSAGE_BYTES + sum([len(item) for item in message if type(item) is bytes])


class _Outcome(object):
    """The receiver's answer to END."""

    def __init__(self, error, value):
        self.error = error
        self.value = value


class Sending(object):
    """Sends the messages of `parts` once `wake` is called.

    parts: FileParts or TreeParts; to: the receiver's Sender; flow: Flow; schedule(): has `pump` called soon on a thread
    that may read files; on_over(error or None, the receiver's answer) is called once, after everything is closed;
    on_progress(bytes done) now and then. Both on the thread of `pump`.
    """

    def __init__(self, parts, to, flow, schedule, on_over, on_progress=None):
        self._parts = parts
        self._to = to
        self._flow = flow
        self._schedule = schedule
        self._on_over = on_over
        self._on_progress = on_progress
        self._router = to.context.router
        self._clock = self._router.loop.clock
        self._has_sent_all = False
        self._has_started = False
        self._is_over = False
        self._lock = _thread.allocate_lock()
        self._is_pumping = False
        self._is_wanted = False
        self._acknowledgements = collections.deque()
        self._handle = self._router.add_handler(self._on_acknowledged, respondent=to.context)
        self._watch_progress()

    # -- loop thread

    def _on_acknowledged(self, message):
        try:
            what = message.value()
        except Error as e:
            what = e
        self._acknowledgements.append((self._clock(), what))
        self.wake()

    def _on_end(self, message):
        try:
            outcome = _Outcome(None, message.value())
        except Error as e:
            outcome = _Outcome(e, None)
        self._acknowledgements.append((0.0, outcome))
        self.wake()

    def _look(self, acknowledged):
        """End the transfer if the peer acknowledges nothing: it must not hold a descriptor for ever."""
        if not self._is_over:
            now = self._flow.total_acknowledged
            if now == acknowledged and not self._parts.is_starved:
                self.give_up(TransferError('%s acknowledged nothing for %d s' % (self._to.context, STALL_S)))
            self._watch_progress()

    def _watch_progress(self):
        acknowledged = self._flow.total_acknowledged
        self._timer = self._router.loop.call_later(STALL_S, lambda: self._look(acknowledged))

    def ask(self, message, on_answer):
        """Send a message; its answer, or the error in its place, goes to `on_answer(value or Error)` on the loop
        thread, before `pump` is called. For `parts`."""

        def answered(reply):
            try:
                value = reply.value()
            except Error as e:
                value = e
            on_answer(value)
            self.wake()

        self._flow.sent(self._clock(), cost(message))
        self._to.context.request_async(self._to.handle, message, answered)

    def wake(self):
        """Have `pump` called if there may be something to do. Any thread."""
        with self._lock:
            self._is_wanted = True
            if self._is_pumping:
                return
            self._is_pumping = True
        self._schedule()

    # -- the thread that pumps

    def pump(self):
        """Send what the pace allows. Called once for each call of `schedule`."""
        while True:
            with self._lock:
                self._is_wanted = False
            try:
                has_more = self._send_some()
            except Exception as e:
                self._end(e, None)
                has_more = False
            with self._lock:
                if has_more:
                    break
                if not self._is_wanted or self._is_over:
                    self._is_pumping = False
                    return
        self._schedule()

    def give_up(self, error):
        """End the transfer with `error`. Any thread."""
        self._acknowledgements.append((0.0, error))
        self.wake()

    def abort(self, error):
        """End the transfer now, on the thread that pumps. No-op if it has ended."""
        self._end(error, None)

    def _send_some(self):
        """Send a few messages. Returns whether more can be sent at once."""
        self._take_acknowledgements()
        if not self._has_started and not self._is_over:
            self._has_started = True
            self._to.send((START, Sender(self._router.myself(), self._handle)))
            self._parts.begin(self)
        for _ in range(TURN):
            if self._is_over or self._has_sent_all:
                return False
            stream = self._router.link_for(self._to.context.id)
            if stream is not None and stream.is_full():
                stream.when_room(self.wake)
                return False
            n = self._flow.chunk_bytes()
            if not n or not self._send_next(n):
                return False
            if self._on_progress is not None:
                self._on_progress(self._parts.done)
        return True

    def _take_acknowledgements(self):
        while self._acknowledgements and not self._is_over:
            at, what = self._acknowledgements.popleft()
            if type(what) is int:
                self._flow.acknowledged(at, what)
            elif isinstance(what, Exception):
                self._end(what, None)
            elif type(what) is str:
                self._end(TransferError(what), None)
            elif isinstance(what, _Outcome):
                self._end(what.error, what.value)
            else:
                self._end(TransferError('%s acknowledged more bytes than were sent' % self._to.context), None)

    def _send_next(self, n):
        """Send one message; returns whether another may follow."""
        message = self._parts.next(n, self._flow.bytes_per_second())
        if message is WAIT or message is ASKED:
            return message is ASKED
        if message is None:
            self._has_sent_all = True
            self._to.context.request_async(self._to.handle, self._parts.end(), self._on_end)
            return False
        self._flow.sent(self._clock(), cost(message))
        self._to.send(message)
        return True

    def _end(self, error, value):
        if not self._is_over:
            self._is_over = True
            self._timer.cancel()
            self._router.remove_handler(self._handle)
            self._flow.close()
            self._parts.close()
            if error is not None:
                self._to.close(str(transfer_error(error)))
            self._on_over(error, value)
