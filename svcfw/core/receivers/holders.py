"""Holders: which contexts have Senders for handles of this context: a handle ends with the last of them."""

import _thread

from svcfw.core import handles


class Holders(object):
    """The holders of one router's Senders, from the first `Receiver.to_sender` on. Any thread.

    The destination of a value is known only once it is encoded, so each thread's Senders are noted first (`encoded`),
    then given to their holder (`give`) or dropped (`take`).
    """

    def __init__(self):
        self._lock = _thread.allocate_lock()
        #: {handle: ids of contexts}
        self._holders = {}
        #: (thread, handle)
        self._encoded = []

    def encoded(self, handle):
        """The calling thread has just encoded a Sender for a handle of this context."""
        if handle >= handles.FIRST_DYNAMIC:
            self._encoded.append((_thread.get_ident(), handle))

    def take(self):
        """The handles (list) of the Senders that the calling thread has encoded since its last call."""
        if not self._encoded:
            return []
        me = _thread.get_ident()
        with self._lock:
            taken = [handle for ident, handle in self._encoded if ident == me]
            if taken:
                self._encoded = [each for each in self._encoded if each[0] != me]
        return taken

    def give(self, context_id):
        """The value that the calling thread has encoded is sent to a descendant."""
        for handle in self.take():
            with self._lock:
                self._holders.setdefault(handle, set()).add(context_id)

    def forget(self, handle):
        """A handle was removed."""
        with self._lock:
            self._holders.pop(handle, None)

    def drop(self, context_id):
        """A context is lost; returns the handles (list) to which no context may write any more."""
        deserted = []
        with self._lock:
            for handle, holders in list(self._holders.items()):
                holders.discard(context_id)
                if not holders:
                    del self._holders[handle]
                    deserted.append(handle)
        return deserted
