"""DownloadJob: sends a file to the controller."""

from svcfw.agent import ops
from svcfw.agent.files import Download, Failure
from svcfw.agent.jobs.job import Job
from svcfw.core.wire import limits
from svcfw.core.wire.windows import SendWindow

#: Bytes read at once; a file up to this size is sent with the result.
READ_BYTES = 64 * 1024


class DownloadJob(Job):
    """Sends the file `path` as the answer to `message`, from `pump()` on, as fast as path and receiver allow.

    new_flow() makes the Flow (svcfw.core.wire.pace) if more than one message is needed; clock(): seconds.
    on_over(transfer) is called at the end, on_failed(Failure) after a failure, both after the constructor, which raises
    Failure itself.
    """

    def __init__(self, message, session, path, new_flow, clock, on_over, on_failed):
        self.key = message.frame.reply_to
        self.session = session
        self._message = message
        self._download = Download(path)
        self._new_flow = new_flow
        self._flow = None
        self._clock = clock
        self._on_over = on_over
        self._on_failed = on_failed
        self._window = SendWindow(limits.WINDOW_BYTES)
        self._taken = 0
        self._size = ops.SIZE.pack(self._download.size)  # sent with the first part
        self._data = self._following = None  # read, but not sent

    def pump(self):
        """Send as much as there is credit for."""
        try:
            self._pump()
        except Failure as e:
            self._end()
            self._on_failed(e)

    def grant(self, credit):
        self._window.grant(credit)
        if self._flow is not None:
            self._taken += credit
            self._flow.acknowledged(self._clock(), self._taken)
        self.pump()

    def kill(self):
        self._end()

    def _pump(self):
        if self._data is None:
            self._data = self._download.read(READ_BYTES)
        while True:
            if self._following is None:
                self._following = self._read()
            if not self._following:
                self._end()
                self._message.reply((ops.DONE, self._download.mode, self._data, self._download.digest()))
                return
            if not self._send_part(self._data):
                return
            self._data, self._following = self._following, None

    def _read(self):
        return self._download.read(READ_BYTES if self._flow is None else self._flow.chunk_bytes() or READ_BYTES)

    def _send_part(self, data):
        """Send a part if there is credit; returns whether there was."""
        if self._flow is None:
            self._flow = self._new_flow()
        if not self._flow.chunk_bytes() or self._window.available < len(data) + len(self._size):
            return False
        n = len(data) + len(self._size)
        self._window.take(n)
        self._flow.sent(self._clock(), n)
        self._message.reply((ops.PART, data, self._size))
        self._size = b''
        return True

    def _end(self):
        self._download.close()
        if self._flow is not None:
            self._flow.close()
        self._on_over(self)
