"""Door: the agent's end of the descriptor that each job has. Nothing is sent over it unless the job knocks.

A job that does becomes a context below the agent's (links.py); most never do. Loop thread only.
"""

import os

#: What a job says first, and nothing else before it is answered; and what one says that has the core already.
KNOCK, KNOCK_PREPARED = b'svcfw 1\n', b'svcfw 2\n'

#: More than a socket holds.
MAX_LAST_READS = 100


class Door:
    """Owns `fd`, one end of a socket pair. key: of the Job; on_knock(door): its process wants to be a context."""

    def __init__(self, loop, fd, key, on_knock):
        self.key = key
        self._loop = loop
        self._fd = fd
        self._on_knock = on_knock
        #: The Stream that has taken over the descriptor.
        self.stream = None
        #: Whether the job has the core.
        self.is_prepared = False
        os.set_blocking(fd, False)
        loop.watch(fd, self._on_readable)

    @property
    def is_closed(self):
        return self._fd < 0 and self.stream is None

    def hand_over(self):
        """The descriptor, now the caller's, who sets `stream`."""
        fd, self._fd = self._fd, -1
        return fd

    def close(self):
        """The job is over: what it has sent counts, also if it did not wait. Idempotent."""
        if self.stream is not None:
            _take_rest(self.stream)
            self.stream.close('the module has ended')
            self.stream = None
        if self._fd >= 0:
            self._loop.watch(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _on_readable(self):
        try:
            data = os.read(self._fd, len(KNOCK))
        except OSError:
            data = b''
        if data not in (KNOCK, KNOCK_PREPARED):  # its end, as of nearly every job; or it knows another way to knock
            self.close()
            return
        self.is_prepared = data == KNOCK_PREPARED
        self._loop.watch(self._fd)
        self._on_knock(self)


def _take_rest(stream):
    """Handle what has been sent on a Stream and was not read yet, as far as it is there."""
    for _ in range(MAX_LAST_READS):
        # What every context starts from has no such method: few of them need one.
        if stream.closed or stream._paused or not stream._on_readable():
            return
        stream._deliver()
