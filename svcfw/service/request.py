"""Request: one call of a service on its way through a pool, answered exactly once."""

import _thread

from svcfw.core.dispatch import call_error
from svcfw.core.wire.errors import EncodeError
from svcfw.service.exposed import NO_REPLY


class Request(object):
    """A call: `method` is an Exposed, `arguments` the still encoded dict, `deadline` on the loop's clock or None.

    Any thread.
    """

    def __init__(self, msg, method, arguments, deadline):
        self.msg = msg
        self.method = method
        self.deadline = deadline
        self.name = method.name
        self._cancelled = False
        self._arguments = arguments
        self._lock = _thread.allocate_lock()
        self._answered = False

    def is_wanted(self, now):
        """Whether somebody still waits for the answer."""
        return not self._cancelled and not self._answered and (self.deadline is None or now < self.deadline)

    def is_from(self, src_id, reply_to):
        return (self.msg.src_id, self.msg.frame.reply_to) == (src_id, reply_to)

    def cancel(self):
        """The caller waits no more. The method, if it runs, sees it in `msg.cancelled`."""
        self._cancelled = self.msg.cancelled = True

    def arguments(self):
        """The decoded arguments, checked. DecodeError, RefusedError."""
        arguments = self.msg.router.codec.decode(self._arguments)
        self.method.check(arguments)
        return arguments

    def reply(self, value):
        """Send what the method returned; a value that cannot travel becomes an error."""
        if value is NO_REPLY or not self.method.replies:
            self._claim()
        elif self._claim():
            try:
                self.msg.reply(value)
            except EncodeError as e:
                self.msg.fail(call_error(e))

    def fail(self, error):
        """Send an exception that is being handled, or a CallError made of one."""
        if self._claim():
            self.msg.fail(error)

    def refuse(self, reason):
        """There will be no answer: ChannelError for the caller."""
        if self._claim():
            self.msg.refuse(reason)

    def _claim(self):
        with self._lock:
            claimed, self._answered = not self._answered, True
        return claimed
