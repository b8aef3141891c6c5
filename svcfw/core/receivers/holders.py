"""Who was sent a Sender for which handle of this context: the handle ends with the last of them."""

import _thread

from svcfw.core import handles


class Holders(object):
    """The holders of one router's Senders, from the first `Receiver.to_sender` on. Any thread.

    Which context a value is for is known only once it is encoded, so each thread's Senders are noted first (`encoded`)
    and given to their holder then (`give`), or forgotten (`take`).
    """

    def __init__(self):
        self._lock = _thread.allocate_lock()
        #: {handle: ids of contexts}
        self._holders = {}
        #: (thread, handle)
        self._encoded = []

    def encoded(self, handle):
        """A Sender for a handle of ours has just been encoded by the calling thread."""
        if handle >= handles.FIRST_DYNAMIC:
            self._encoded.append((_thread.get_ident(), handle))

    def take(self):
        """The handles (list) of the Senders that the calling thread has encoded since it last asked."""
        if not self._encoded:
            return []
        me = _thread.get_ident()
        with self._lock:
            taken = [handle for ident, handle in self._encoded if ident == me]
            if taken:
                self._encoded = [each for each in self._encoded if each[0] != me]
        return taken

    def give(self, context_id):
        """What the calling thread has encoded goes to a context below this one."""
        for handle in self.take():
            with self._lock:
                self._holders.setdefault(handle, set()).add(context_id)

    def forget(self, handle):
        """A handle is no more."""
        with self._lock:
            self._holders.pop(handle, None)

    def drop(self, context_id):
        """A context is lost; returns the handles (list) that nobody may write to any more."""
        deserted = []
        with self._lock:
            for handle, holders in list(self._holders.items()):
                holders.discard(context_id)
                if not holders:
                    del self._holders[handle]
                    deserted.append(handle)
        return deserted
