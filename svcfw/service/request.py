"""Envelope: what a message says of a call; Request: one call of a service in a pool, answered at most once."""

import _thread

from svcfw.core.context import Context
from svcfw.core.dispatch import call_error
from svcfw.core.message import Message
from svcfw.core.wire.errors import DecodeError
from svcfw.service.exposed import NO_REPLY


class Envelope(object):
    """A call as it has arrived; the arguments stay encoded until its policies have agreed.

    msg: the Message; service, method: names; deadline: on the clock of the loop, or None. Raises DecodeError.
    """

    __slots__ = ('arguments', 'deadline', 'method', 'msg', 'service')

    def __init__(self, msg, arrived):
        """arrived: on the loop's clock, from where on its time-out counts."""
        value = msg.small_value()
        if type(value) is not tuple or len(value) != 4:
            raise DecodeError('malformed service call: expected 4 fields')
        self.msg = msg
        self.service, self.method, timeout_s, self.arguments = value
        if type(self.service) is not str or type(self.method) is not str or type(self.arguments) is not bytes:
            raise DecodeError('malformed service call: service and method must be str')
        if timeout_s is not None and type(timeout_s) not in (int, float):
            raise DecodeError('malformed service call: timeout must be a number of seconds')
        self.deadline = None if timeout_s is None else arrived + timeout_s

    @property
    def origin(self):
        """Tells a call that waits for its answer from all others."""
        return self.msg.src_id, self.msg.frame.reply_to


class Request(Message):
    """The message of a call, passed to methods as `msg`. Any thread.

    method: the Exposed called; deadline: on the clock of `router.loop`, or None. A method that returns NO_REPLY calls
    `reply(value)` or `fail(CallError)` later; a second answer is dropped.
    """

    __slots__ = ('__weakref__', '_answered', '_cancelled', '_lock', 'deadline', 'encoded_arguments', 'method')

    def __init__(self, msg, method, arguments, deadline):
        self._cancelled = False
        Message.__init__(self, msg.router, msg.frame)
        self.method = method
        self.deadline = deadline
        self.encoded_arguments = arguments
        self._lock = _thread.allocate_lock()
        self._answered = False

    @property
    def is_answered(self):
        return self._answered

    @property
    def cancelled(self):
        """Whether the answer has no use: the caller gave up, is gone, or its deadline has passed."""
        if not self._cancelled:
            is_late = self.deadline is not None and self.router.loop.clock() >= self.deadline
            self._cancelled = is_late or not self._is_caller_there()
        return self._cancelled

    def _is_caller_there(self):
        router = self.router
        src_id = self.frame.src
        return src_id in router.parent_ids or src_id == router.own_id or router.has_route(Context(router, src_id))

    def cancel(self):
        self._cancelled = True

    def is_wanted(self):
        """Whether the method still has to be run."""
        return not self._answered and not self.cancelled

    def arguments(self):
        """The arguments (dict), decoded and checked on each call. Raises DecodeError, RefusedError."""
        arguments = self.router.codec.decode(self.encoded_arguments)
        self.method.check(arguments)
        return arguments

    def settle(self, value):
        """Answer with the method's return value, unless that is NO_REPLY."""
        if value is not NO_REPLY and self.method.replies:
            try:
                self.answer(0, self.router.encode_for(self.frame.src, value) if self.frame.reply_to else b'')
            except Exception as e:  # the value cannot be encoded
                self.fail(call_error(e))

    def answer(self, flags, payload):
        """Answer with a frame's flags and payload."""
        if self.wants_reply():
            self._send(flags, payload)

    def __del__(self):
        # The method dropped the request without an answer. On the loop, since __del__ may run anywhere, with any lock
        # held.
        if not self._answered and self.wants_reply():
            self.router.loop.call_soon(lambda: self.refuse('the service dropped the call without an answer'))

    def _send(self, flags, payload):
        with self._lock:
            if self._answered:
                return
            self._answered = True
        try:
            self._transmit(flags, payload)
        except Exception:
            self._answered = False
            raise

    def _transmit(self, flags, payload):
        Message._send(self, flags, payload)
