"""A transfer between two routers of this process."""

import hashlib
import io
import threading

from svcfw.core.context import Sender
from svcfw.core.wire.pace import Pace
from svcfw.files.disk.file_object import FileObject
from svcfw.files.disk.reader import Content
from svcfw.files.messages.file_parts import FileParts, FilePlace
from svcfw.files.receiving import Receiving
from svcfw.files.sending import Sending
from tests.support.timing import seconds


class Outcome:
    """What `on_over` was called with."""

    def __init__(self):
        self._is_over = threading.Event()
        self.calls = []

    def __call__(self, error, value):
        self.calls.append((error, value))
        self._is_over.set()

    def get(self):
        assert self._is_over.wait(seconds(20)), 'it does not end'
        ((error, value),) = self.calls
        return error if error is not None else value


class Pair:
    """A master that sends and a child that receives, both on their loops' threads."""

    def __init__(self, made):
        self.master = made.master()
        self.child = made.child(self.master, 1, 'child')
        self.sent, self.received = Outcome(), Outcome()
        self.pace = Pace()

    def receive(self, size, file=None, schedule=None):
        writer = FileObject(file if file is not None else io.BytesIO())
        router = self.child.router
        self.receiving = Receiving(
            router,
            router.parent(),
            FilePlace(writer, writer.check, size),
            schedule or (lambda: self.receiving.pump()),
            self.received,
        )
        return Sender(self.master.router.context(1, 'child'), self.receiving.handle)

    def send(self, data, into):
        parts = FileParts(Content(data, hashlib.sha256(data).digest(), {}))
        self.sending = Sending(parts, into, self.pace.flow(), lambda: self.sending.pump(), self.sent)
        self.sending.wake()

    def check_nothing_is_left(self):
        flow = self.pace.flow()
        assert flow.chunk_bytes()
        flow.close()
        assert self.pace._flows == 0
        assert self.pace._under_way == 0


class Full:
    def write(self, data):
        raise OSError(28, 'No space left on device')
