"""SharedDelta: a delta computed once for all receivers that have the same copy."""

import _thread
import os

from svcfw.files.delta.blocks import match


class SharedDelta(object):
    """The steps of `svcfw.files.delta.blocks.match`; any number of threads may iterate while they are computed.

    fd: a descriptor of the file, which is duplicated; size, old: as for `match`.
    """

    def __init__(self, fd, size, old):
        self._lock = _thread.allocate_lock()
        self._fd = os.dup(fd)
        self._steps = match(self._fd, size, old)
        self._found = []

    def __iter__(self):
        number = 0
        while True:
            with self._lock:
                if number == len(self._found):
                    step = next(self._steps, None)
                    if step is None:
                        self._close()
                        return
                    self._found.append(step)
                step = self._found[number]
            yield step
            number += 1

    def __del__(self):
        self._close()

    def _close(self):
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
