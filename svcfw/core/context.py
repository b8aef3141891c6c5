"""Context: a process of the tree, as seen from another; Sender: one handle in it."""

from svcfw.core import handles, load
from svcfw.core.latch import Latch
from svcfw.core.message import shaped
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import ChannelError, TimeoutError
from svcfw.core.wire.frames import DEAD, Frame

#: Extension tags of the codec.
CONTEXT_TAG = 0x40
SENDER_TAG = 0x41
#: A longer wait for an answer is logged.
STUCK_S = 60.0


class Context(object):
    """A reference to one context; made by `router.context()`, by starting a child, or received in a message."""

    __slots__ = ('router', 'id', 'name')

    def __init__(self, router, context_id, name=None):
        self.router = router
        self.id = context_id
        self.name = name

    def __repr__(self):
        return 'Context(%d, %r)' % (self.id, self.name)

    def __str__(self):
        return self.name or 'context %d' % self.id

    def __eq__(self, other):
        return isinstance(other, Context) and other.id == self.id

    def __hash__(self):
        return hash(('Context', self.id))

    def call(self, function, *args, **kwargs):
        """Run `function(*args, **kwargs)` in that context and return its value.

        function: a module's function, or a method of a module's class that needs no instance. Raises CallError with
        what was raised there, ChannelError if the context is lost meanwhile, EncodeError for a value of an unsupported
        type.
        """
        return _calls().request_call(self, function, args, kwargs).get()

    def call_async(self, function, *args, **kwargs):
        """Start a call; returns a CallReply, whose `get(timeout)` gives the value."""
        return _calls().request_call(self, function, args, kwargs)

    def request_call(self, function, args=(), kwargs=(), timeout=None):
        """As call_async, with the arguments as a tuple and a dict. timeout: seconds after which it must not start any
        more."""
        return _calls().request_call(self, function, args, kwargs, timeout)

    def call_no_reply(self, function, *args, **kwargs):
        """Start a call without waiting for it; an exception is logged there."""
        _calls().send_call(self, function, args, kwargs)

    def call_service(self, service_name, method_name, **arguments):
        """Call an exposed method of a service of this context and return its value.

        service_name: 'package.module.Class', or the class. Raises CallError with what was raised there, or with the
        reason of a refusal; ChannelError if the service or its context ends meanwhile.
        """
        return self.request_service(service_name, method_name, arguments).get()

    def call_service_async(self, service_name, method_name, **arguments):
        """Start a call of a service; returns a ServiceReply."""
        return self.request_service(service_name, method_name, arguments)

    def request_service(self, service, method, arguments, timeout=None):
        """As call_service_async, with the arguments as a dict. timeout: seconds after which it must not start any
        more."""
        return _calls().request_service(self, service, method, arguments, timeout)

    def send(self, handle, value, reply_to=0):
        """Send one value to a handle of this context. Raises EncodeError; only `reply_to` is told of a lost context."""
        router = self.router
        payload = router.encode_for(self.id, value)
        router.send(Frame(self.id, router.own_id, router.own_id, handle, reply_to, 0, payload))

    def request(self, handle, value, timeout=None):
        """Send a value and wait for the answer. TimeoutError after `timeout` seconds; errors as for `call`."""
        return self._request_later(handle, value).get(timeout)

    def request_async(self, handle, value, on_reply):
        """Send a value; `on_reply(message)` is called on the loop with the answer or a dead message, exactly once."""
        reply_to = self.router.add_handler(on_reply, respondent=self, once=True)
        try:
            self.send(handle, value, reply_to)
        except Exception:
            self.router.remove_handler(reply_to)
            raise
        return reply_to

    def shutdown(self, timeout=None):
        """Ask the context to end, and wait until it accepts or is gone. Raises TimeoutError; ChannelError if
        refused."""
        try:
            self.request(handles.SHUTDOWN, None, timeout)
        except ChannelError:
            if self.router.has_route(self):
                raise

    def disconnect(self, timeout=None):
        """Disconnect a descendant at once: whoever waits for it gets ChannelError, and its process ends or is killed.

        Works without an answer of the context. Raises ValueError unless it is a descendant; TimeoutError.
        """
        load(self.router.extensions[handles.CHILDREN]).disconnect(self, timeout)

    def on_gone(self, function):
        """Call `function(reason)` once, on the loop thread, when this context is lost; soon, if it is gone already."""
        self.router.on_gone(self, function)

    def _request_later(self, handle, value):
        reply = Reply(self, ('handle', str(handle)))
        reply.handle = self.request_async(handle, value, reply.put)
        return reply


class Reply(Latch):
    """The future answer to one request."""

    handle = 0

    def __init__(self, context, what):
        """context: where the request was sent; what: names (tuple of str) for messages."""
        Latch.__init__(self, context.router.loop)
        self.context = context
        self.what = what

    def get(self, timeout=None):
        """The value, once. Raises TimeoutError after `timeout` seconds, CallError, ChannelError.

        A long wait is logged, again whenever it has become twice as long.
        """
        message = self._named_wait(timeout)
        self.notify = None  # its select gets no further event
        self.close('the answer was taken already')
        return message.value()

    def _named_wait(self, timeout):
        waited, step = 0.0, STUCK_S
        while True:
            if timeout is not None:
                step = min(step, timeout - waited)
            try:
                return Latch.get(self, step)
            except TimeoutError:
                waited += step
                text = '%s: no answer to %s for %g s' % (self.context, '.'.join(self.what), waited)
                if timeout is not None and waited >= timeout:
                    raise TimeoutError(text)
                router = self.context.router
                router.log(router, 30, text)
                step = waited


class Sender(object):
    """One handle of one context: a holder may send to it. Can be sent in messages."""

    __slots__ = ('context', 'handle')

    def __init__(self, context, handle):
        self.context = context
        self.handle = handle

    def __repr__(self):
        return 'Sender(%r, %d)' % (self.context, self.handle)

    def __eq__(self, other):
        return isinstance(other, Sender) and (other.context, other.handle) == (self.context, self.handle)

    def __hash__(self):
        return hash((self.context, self.handle))

    def send(self, value):
        """Send a value to the receiver. Not acknowledged."""
        self.context.send(self.handle, value)

    def close(self, reason='the sender was closed'):
        """Tell the receiver that no more values follow: its `get()` raises ChannelError after the last one."""
        router = self.context.router
        payload = reason.encode('utf-8', 'replace')
        router.send(Frame(self.context.id, router.own_id, router.own_id, self.handle, 0, DEAD, payload))


def codec_for(router):
    """The Codec of one context, with Context and Sender among its values."""

    def decode_context(value):
        context_id, name = shaped(value, (int, (str, type(None))))
        return router.contexts.get(context_id) or Context(router, context_id, name)

    def encode_sender(sender):
        if router.holders is not None and sender.context.id == router.own_id:
            router.holders.encoded(sender.handle)
        return sender.context, sender.handle

    def decode_sender(value):
        return Sender(*shaped(value, (Context, int)))

    return Codec(
        [
            (CONTEXT_TAG, Context, lambda context: (context.id, context.name), decode_context),
            (SENDER_TAG, Sender, encode_sender, decode_sender),
        ]
    )


def _calls():
    """The module for callers: most contexts never call anything."""
    return load('svcfw.core.calls.caller')
