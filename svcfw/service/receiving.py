"""Receiving: the content of a file on its way in. See svcfw.service.sending for the messages."""

import _thread
import collections
import hashlib
import zlib

from svcfw.core.context import Sender
from svcfw.core.dispatch import call_error
from svcfw.core.wire.errors import DecodeError
from svcfw.service.errors import TransferError, transfer_error
from svcfw.service.pace import MAX_BYTES
from svcfw.service.sending import COPY, DATA, END, PACKED, START, ZEROS, cost

#: What came is acknowledged when there is no more to be done, or when it is this much.
ACKNOWLEDGED_BYTES = 256 * 1024
#: More than a sender that keeps to its pace can have under way.
MAX_HELD_BYTES = MAX_BYTES + 8 * 1024 * 1024
_ZEROS = bytes(64 * 1024)
_SHAPES = {
    DATA: (str, bytes),
    PACKED: (str, bytes),
    ZEROS: (str, int),
    COPY: (str, int, int),
    START: (str, Sender),
    END: (str, bytes, int),
}


class Receiving(object):
    """Takes what one Sending sends.

    context: the sender's; sink: Sink, or what has its methods; schedule(): has `pump` called soon, on some thread,
    where it may write files; finish(digest): puts the sink's content in its place, or raises; on_over(error or None,
    digest) is called once; copies: a descriptor of what is at the place already; on_progress(bytes done).
    """

    def __init__(self, router, context, sink, schedule, finish, on_over, copies=None, on_progress=None):
        self._router = router
        self._context = context
        self._sink = sink
        #: How many bytes there will be. Set before `pump` is called.
        self.size = 0
        self._schedule = schedule
        self._finish = finish
        self._on_over = on_over
        self._copies = copies
        self._on_progress = on_progress
        self._sender = None  # where acknowledgements go
        self._messages = collections.deque()
        self._held_bytes = 0
        self._used_bytes = 0
        self._acknowledged = 0
        self._is_scheduled = False
        self._is_over = False
        self._lock = _thread.allocate_lock()
        #: The handle that the sender is to write to.
        self.handle = router.add_handler(self._on_message, respondent=context)

    def _on_message(self, message):
        """Loop thread."""
        with self._lock:
            self._held_bytes += len(message.frame.payload)
            if self._held_bytes <= MAX_HELD_BYTES:
                self._messages.append(message)
            else:
                self._messages.clear()
                self._messages.append(TransferError('%s sends more than it may' % self._context))
            if self._is_scheduled:
                return
            self._is_scheduled = True
        self._schedule()

    def pump(self):
        """Use what has come. Called in answer to `schedule`, once for each call of it."""
        while True:
            with self._lock:
                if not self._messages or self._is_over:
                    self._is_scheduled = False
                    break
                message = self._messages.popleft()
            self._take(message)
        self._acknowledge()

    def abort(self, error):
        """End it now, on the thread that pumps. Nothing happens if it is over."""
        self._fail(error, error)

    def _take(self, message):
        try:
            if isinstance(message, Exception):
                raise message
            with self._lock:
                self._held_bytes -= len(message.frame.payload)
            value = message.value()
            if type(value) is not tuple or not value or _SHAPES.get(value[0]) != tuple(map(type, value)):
                raise DecodeError('no part of a file')
            if value[0] == END:
                self._complete(message, *value[1:])
                return
            if value[0] == START:
                self._sender = value[1]
                return
            self._use(*value)
            self._used_bytes += cost(value)
            if self._used_bytes - self._acknowledged >= ACKNOWLEDGED_BYTES:
                self._acknowledge()
        except Exception as e:
            self._fail(message, e)

    def _use(self, kind, amount, length=0):
        sink = self._sink
        room = self.size - sink.offset
        if kind in (DATA, PACKED):
            data = amount if kind == DATA else _unpacked(amount, room)
            if len(data) > room:
                raise TransferError('it is longer than it was said to be')
            sink.write(data)
        elif kind == ZEROS:
            if not 0 <= amount <= room:
                raise TransferError('it is longer than it was said to be')
            sink.write_zeros(amount)
        else:
            if self._copies is None or amount < 0 or not 0 <= length <= room:
                raise TransferError('it is to be copied from nowhere')
            sink.copy(self._copies, amount, length)
        if self._on_progress is not None:
            self._on_progress(sink.offset)

    def _complete(self, message, digest, size):
        if size != self.size or self._sink.offset != size:
            raise TransferError('%d of %d bytes have come' % (self._sink.offset, self.size))
        self._finish(digest)
        message.reply(digest)
        self._end(None, digest)

    def _fail(self, message, error):
        if self._is_over:
            return
        failure = transfer_error(error)
        if not isinstance(message, Exception) and message.wants_reply():
            message.fail(call_error(failure))
        elif self._sender is not None:
            self._tell(str(failure))
        self._end(error, None)

    def _acknowledge(self):
        if self._used_bytes > self._acknowledged and not self._is_over:
            self._acknowledged = self._used_bytes
            self._tell(self._used_bytes)

    def _tell(self, what):
        self._sender.send(what)

    def _end(self, error, value):
        self._is_over = True
        self._router.remove_handler(self.handle)
        self._messages.clear()
        self._on_over(error, value)


def _unpacked(packed, room):
    """TransferError for what is not packed, or is too much."""
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, room + 1)
    except zlib.error as e:
        raise TransferError('it is not packed as it should be: %s' % e) from None
    if not unpacker.eof:
        raise TransferError('it is longer than it was said to be')
    return data


class FileObject(object):
    """A file object (binary, `write`) in the place of a Sink: what has been written stays, whatever happens after."""

    def __init__(self, file):
        self._file = file
        self._hash = hashlib.sha256()
        self.offset = 0

    def write(self, data):
        self._hash.update(data)
        self._file.write(data)
        self.offset += len(data)

    def write_zeros(self, n):
        while n:
            part = _ZEROS[: min(n, len(_ZEROS))]
            self.write(part)
            n -= len(part)

    def check(self, digest):
        """TransferError unless this is the SHA-256 of what was written."""
        if self._hash.digest() != digest:
            raise TransferError('it did not arrive as it was sent. Fetch it again')


class Held(object):
    """Memory in the place of a Sink."""

    def __init__(self):
        self._content = bytearray()

    @property
    def offset(self):
        return len(self._content)

    def write(self, data):
        self._content += data

    def write_zeros(self, n):
        self._content += bytes(n)

    def content(self):
        """What has come (bytearray)."""
        return self._content
