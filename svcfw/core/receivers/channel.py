"""Receiver and Channel: messages that arrive over time."""

import _thread
import os

from svcfw.core.context import Sender
from svcfw.core.latch import Latch
from svcfw.core.receivers.holders import Holders
from svcfw.core.wire.errors import ChannelError, TimeoutError

#: Most bytes that a receiver buffers: one frame of the largest size, and a good many usual ones.
MAX_RECEIVER_BYTES = 128 * 1024 * 1024


def _unguessable():
    """A number for a handle; those that the router counts up do not get so far."""
    return int.from_bytes(os.urandom(4), 'big') | 0x80000000


class Receiver(object):
    """A handle of this context whose messages are queued until they are taken.

    router; handle: a fixed one, or a new one, which nobody can guess, if None. policy, respondent: as for
    `Router.add_handler`. Without them a new one takes messages of the contexts above, of those below that were sent a
    Sender for it (`to_sender`), and of what is reached by way of them.
    Holds at most `MAX_RECEIVER_BYTES` bytes: a sender that goes on above that loses the receiver, and `get()` says so
    after the last message that was accepted.
    """

    def __init__(self, router, handle=None, policy=None, respondent=None):
        self.router = router
        self._latch = Latch(router.loop)
        self._lock = _thread.allocate_lock()
        self._held_bytes = 0
        if handle is None and policy is None and respondent is None:
            policy = self._is_from_holder
        while True:
            number = _unguessable() if handle is None else handle
            try:
                self.handle = router.add_handler(self._on_message, number, policy, respondent)
                return
            except ValueError:
                if handle is not None:
                    raise

    def _is_from_holder(self, message):
        """Policy."""
        router = self.router
        if message.src_id not in router.beside and router.routes.link_for(message.src_id) is None:
            return True  # this context, or one above
        return router.holders is not None and router.holders.may_write(message.handle, message.src_id, router.routes)

    def __repr__(self):
        return 'Receiver(%d)' % self.handle

    @property
    def notify(self):
        """Called with the receiver for each arrival; the hook of Select."""
        return self._latch.notify

    @notify.setter
    def notify(self, function):
        self._latch.notify = function and (lambda latch: function(self))

    @property
    def closed(self):
        """Why no further message will come (str); None while one may."""
        return self._latch.closed

    def to_sender(self):
        """A Sender for this receiver, to be given to another context.

        The receiver ends (`get()` raises ChannelError) when it is closed by one who has it, or when all contexts that
        this one has sent it to are lost.
        """
        if self.router.holders is None:
            self.router.holders = Holders()
        return Sender(self.router.myself(), self.handle)

    def empty(self):
        return self._latch.empty()

    def get(self, timeout=None):
        """The next Message. Raises TimeoutError after `timeout` seconds; ChannelError once sender or receiver is
        closed."""
        try:
            message = self._latch.get(timeout)
        except TimeoutError:
            raise TimeoutError('%r: nothing arrived within %g s' % (self, timeout)) from None
        self._count(-len(message.frame.payload))
        return message

    def __iter__(self):
        """Messages until the sender closes."""
        while True:
            try:
                message = self.get()
            except ChannelError:
                return
            yield message

    def close(self, reason='the receiver was closed'):
        """Remove the handle; waiters get ChannelError once the messages are taken. Idempotent."""
        self.router.remove_handler(self.handle)
        self._latch.close(reason)

    def _on_message(self, message):
        if message.is_dead:
            self.close(message.reason)
        elif self._count(len(message.frame.payload)) > MAX_RECEIVER_BYTES:
            message.refuse('the receiver is full')
            self.close('the receiver overflowed: its messages were not taken')
        else:
            try:
                self._latch.put(message)
            except ChannelError as e:
                message.refuse(str(e))

    def _count(self, n_bytes):
        with self._lock:
            self._held_bytes += n_bytes
            return self._held_bytes


class Channel(object):
    """Both directions: a receiver here, and a Sender of one context. A source for Select."""

    def __init__(self, router, context, handle):
        self.receiver = Receiver(router, respondent=context)
        self.sender = Sender(context, handle)
        self._latch = self.receiver._latch  # as Select counts what is there

    def __repr__(self):
        return 'Channel(%r, %r)' % (self.receiver, self.sender)

    @property
    def notify(self):
        """Called with the channel for each arrival; the hook of Select."""
        return self.receiver.notify

    @notify.setter
    def notify(self, function):
        self.receiver.notify = function and (lambda receiver: function(self))

    @property
    def closed(self):
        """Why no further message will come (str); None while one may."""
        return self.receiver.closed

    def empty(self):
        return self.receiver.empty()

    def send(self, value):
        self.sender.send(value)

    def get(self, timeout=None):
        return self.receiver.get(timeout)

    def __iter__(self):
        return iter(self.receiver)

    def close(self):
        """Close both directions."""
        self.sender.close()
        self.receiver.close()
