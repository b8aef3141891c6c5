"""Gathering: what several threads send in answer to what one turn of the loop brought them is written together.

Each write wakes the peer, and ssh and sshd on the way to it, which cost more than the frame. So the frame of a thread
waits for those of the others that the same turn has woken, if these have been quick before. Only the top of a tree has
this: elsewhere one thread calls.
"""

#: How long each of the others may take, on average, from waking up to waiting again.
QUICK_S = 0.0001
#: How often it is left out after the others have taken longer: twice as often each time, half after one that was quick.
MIN_SKIPS, MAX_SKIPS = 2, 256


class Gathering(object):
    """Decides for one Loop; `begins` becomes its `gathers`."""

    def __init__(self, loop):
        self._loop = loop
        self._end = None  # until when the others are quick
        self._skips = 0
        self._next_skips = MIN_SKIPS

    def begins(self):
        """Whether a frame of the calling thread, which does not drive, is to wait for those of other threads."""
        loop = self._loop
        if loop.busy < 2:
            return False
        if self._end is None:
            if self._skips:
                self._skips -= 1
                return False
            self._end = loop.clock() + loop.busy * QUICK_S
            loop.linger(self._on_end)
        return True

    def _on_end(self):
        """All have sent, or they have taken too long: their frames are written now."""
        end, self._end = self._end, None
        if end is None:
            return  # two threads have begun at once
        if self._loop.clock() < end:
            self._next_skips = max(MIN_SKIPS, self._next_skips // 2)
        else:
            self._skips = self._next_skips = min(MAX_SKIPS, self._next_skips * 2)
