"""Receiving: the receiving end of a transfer of a file or folder. svcfw.files.sending describes the messages."""

import _thread
import collections

from svcfw.core.context import Sender
from svcfw.core.dispatch import call_error
from svcfw.core.wire.errors import DecodeError
from svcfw.core.wire.pace import MAX_BYTES
from svcfw.files.sending import END, START, cost
from svcfw.service.errors import TransferError, transfer_error

#: Data is acknowledged when the queue is empty, or after this much.
ACKNOWLEDGED_BYTES = 256 * 1024
#: More than a sender that keeps to its pace can have unacknowledged.
MAX_HELD_BYTES = MAX_BYTES + 8 * 1024 * 1024


class Receiving(object):
    """Receives from one Sending.

    context: the sender's; place: FilePlace or TreePlace to write to; schedule(): has `pump` called soon, on a thread
    that may write files; on_over(error or None, what `place.end` returned) is called once; on_progress(bytes done) now
    and then.
    """

    def __init__(self, router, context, place, schedule, on_over, on_progress=None):
        self._router = router
        self._context = context
        self._place = place
        self._schedule = schedule
        self._on_over = on_over
        self._on_progress = on_progress
        self._sender = None  # Sender for acknowledgements
        self._messages = collections.deque()
        self._held_bytes = 0
        self._used_bytes = 0
        self._is_flooded = False
        self._acknowledged = 0
        self._is_scheduled = False
        self._is_over = False
        self._lock = _thread.allocate_lock()
        self._busy = _thread.allocate_lock()  # held while the place is used
        #: The handle that the sender writes to.
        self.handle = router.add_handler(self._on_message, respondent=context)

    def _on_message(self, message):
        """Loop thread."""
        with self._lock:
            if self._is_over:
                message.refuse('the transfer has ended')
                return
            self._held_bytes += len(message.frame.payload)
            if self._held_bytes <= MAX_HELD_BYTES:
                self._messages.append(message)
            else:
                self._is_flooded = True
                self._messages.clear()
            if self._is_scheduled:
                return
            self._is_scheduled = True
        self._schedule()

    def pump(self):
        """Process what has arrived. Called once for each call of `schedule`."""
        while True:
            with self._lock:
                message = self._messages.popleft() if self._messages else None
                is_done = message is None and self._used_bytes == self._acknowledged and not self._is_flooded
                if self._is_over or is_done:
                    self._is_scheduled = False
                    return
            with self._busy:
                self._go_on(message)

    def _go_on(self, message):
        if self._is_over:
            return  # another thread has just aborted it
        if self._is_flooded:
            self._fail(None, TransferError('%s sent more data than the window allows' % self._context))
        elif message is None:
            self._acknowledge()
        else:
            self._take(message)

    def abort(self, error):
        """End the transfer after the message being processed. No-op if it has ended. Any thread."""
        with self._busy:
            self._fail(None, error)

    def _take(self, message):
        try:
            with self._lock:
                self._held_bytes -= len(message.frame.payload)
            if message.is_dead and self._router.has_route(self._context):
                raise TransferError(message.reason)  # the sender gave up, and says why
            value = message.value()
            if type(value) is not tuple or not value:
                raise DecodeError('malformed transfer message')
            if value[0] == START and len(value) == 2 and type(value[1]) is Sender:
                self._sender = value[1]
            elif value[0] == END:
                answer = self._place.end(*value[1:])
                message.reply(answer)
                self._end(None, answer)
            elif self._sender is None:
                raise DecodeError('malformed transfer: expected START with a Sender first')
            else:
                self._use(message, value)
        except Exception as e:
            self._fail(message, e)

    def _use(self, message, value):
        self._place.take(message, *value)
        self._used_bytes += cost(value)
        if self._used_bytes - self._acknowledged >= ACKNOWLEDGED_BYTES:
            self._acknowledge()
        if self._on_progress is not None:
            self._on_progress(self._place.done)

    def _fail(self, message, error):
        if self._is_over:
            return
        failure = transfer_error(error)

        def tell():
            if message is not None and message.wants_reply():
                message.fail(call_error(failure))
            elif self._sender is not None:
                self._tell(str(failure))

        self._end(error, None, tell)

    def _acknowledge(self):
        self._acknowledged = self._used_bytes
        self._tell(self._used_bytes)

    def _tell(self, what):
        self._sender.send(what)

    def _end(self, error, value, tell=None):
        """tell(): says to the sender why, once nothing is left here of what it has sent."""
        self._router.remove_handler(self.handle)
        with self._lock:
            self._is_over = True
            messages = list(self._messages)
            self._messages.clear()
        try:
            self._on_over(error, value)
        finally:
            if tell is not None:
                tell()
            for message in messages:
                message.refuse('the transfer has ended')
