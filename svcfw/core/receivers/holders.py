"""Who was sent a Sender for which handle of this context: they may write to it, and it ends with the last of them."""

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
        #: Handles whose Senders went up, and from there to anybody.
        self._open = set()
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

    def give_up(self):
        """It goes to a context above this one, which may give it to any other."""
        if self._encoded:
            self._open.update(self.take())

    def may_write(self, handle, context_id, routes):
        """Whether a context below was sent a Sender for the handle, or one behind the same link was, which may have
        passed it on."""
        with self._lock:
            holders = self._holders.get(handle, ())
            if handle in self._open or context_id in holders:
                return True
            link = routes.link_for(context_id)
            return any(routes.link_for(each) is link for each in holders)

    def forget(self, handle):
        """A handle is no more."""
        with self._lock:
            self._holders.pop(handle, None)
            self._open.discard(handle)

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
