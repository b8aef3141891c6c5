"""Holders: the contexts that were sent a Sender for a handle here. They may write to it; it ends with the last one."""

import _thread

from svcfw.core import handles


class Holders(object):
    """The holders of one router's Senders, from the first `Receiver.to_sender` on. Any thread.

    Which context a value is for is known only once it is encoded, so each thread's Senders are noted first (`encoded`)
    and given to their holder then, or forgotten (`encode`).
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

    def encode(self, context_id, value, router):
        """Router.encode_for."""
        self.take()  # of a value that could not be encoded
        payload = router.codec.encode(value)
        self._give(context_id, router)
        return payload

    def _give(self, context_id, router):
        """What the calling thread has encoded goes to a context. The end of one above is the end of this one, too."""
        if not self._encoded or context_id == router.own_id:
            return
        taken = self.take()
        if not router._knows(context_id):  # one above, which may give it to any other
            self._open.update(taken)
            return
        with self._lock:
            for handle in taken:
                self._holders.setdefault(handle, set()).add(context_id)

    def may_write(self, handle, context_id, routes):
        """Whether a context below was sent a Sender for the handle, or one behind the same link was, which may have
        passed it on."""
        with self._lock:
            holders = self._holders.get(handle, ())
            if handle in self._open or context_id in holders:
                return True
            link = routes.link_for(context_id)
            return link is not None and any(routes.link_for(each) is link for each in holders)

    def forget(self, handle):
        """A handle was removed."""
        with self._lock:
            self._holders.pop(handle, None)
            self._open.discard(handle)

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
