"""CallChain: calls that depend on each other. The class is the caller's side, `run` the callee's."""

import os

from svcfw.core import forks, handles
from svcfw.core.calls.caller import name_for, wire_call
from svcfw.core.calls.shorten import shortened
from svcfw.core.context import Reply
from svcfw.core.dispatch import call_error, resolve, takes_router
from svcfw.core.wire.errors import EncodeError
from svcfw.core.wire.limits import MAX_FRAME_BYTES

#: Bytes of an answer beside the value.
_BESIDE_BYTES = 64
#: At the callee: {(caller's id, chain's id): [the CallError with which the chain failed, whether a call with an answer
#: has reported it]}. Main thread.
_failed = {}  # type: dict


class CallChain(object):
    """Calls of functions in one context, in order: once one has failed, all later ones fail with the same error.

    So a sequence of calls can be sent without waiting for each. Leaving its `with` block forgets the failure, as
    `reset` does. Calls of other chains, and those without one, are not affected. Any thread.
    """

    _is_used = False

    def __init__(self, context):
        self.context = context
        self._id = os.urandom(8)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.reset()

    def call(self, function, *args, **kwargs):
        """As `context.call`; after a failure raises its CallError."""
        return self.call_async(function, *args, **kwargs).get()

    def call_async(self, function, *args, **kwargs):
        """Start a call; returns its ChainReply."""
        name, arguments = self._step(function, args, kwargs, True)
        reply = ChainReply(self.context, name)
        value = wire_call(self.context, name_for(self.context, run), arguments, {})
        reply.handle = self.context.request_async(handles.CALL_FUNCTION, value, reply.put)
        return reply

    def call_no_reply(self, function, *args, **kwargs):
        """Start a call without answer: its exception is raised by later calls, or logged there if none follows."""
        _, arguments = self._step(function, args, kwargs, False)
        self.context.call_no_reply(run, *arguments)

    def reset(self):
        """Forget a failure, after the calls that were started before."""
        if self._is_used:
            self._is_used = False
            key, self._id = self._key(), os.urandom(8)  # from now on another chain, even if `forget` fails
            self.context.call_no_reply(forget, key)

    def __del__(self):
        if self._is_used and self.context.router.closed is None:
            self.context.router.loop.call_soon(self.reset)  # __del__ may run anywhere, with any lock held

    def _step(self, function, args, kwargs, is_heard):
        self._is_used = True
        name = name_for(self.context, function)
        return name, (self._key(), name, args, kwargs, is_heard)

    def _key(self):
        return self.context.router.own_id, self._id


class ChainReply(Reply):
    """The future answer of a call in a chain. Cannot be cancelled, since later calls rely on it."""

    def get(self, timeout=None):
        """As Reply.get; raises the CallError of the call that failed first."""
        failure, payload = Reply.get(self, timeout)
        if failure is not None:
            raise failure
        return self.context.router.codec.decode(payload)


# -- the callee's side


@takes_router
def run(key, name, args, kwargs, is_heard, router):
    """One call of a chain: (CallError or None, the encoded value). Encoded here, since that may fail, too.

    is_heard: whether the caller waits for the answer. Calls after a refused one do not get here: see
    svcfw.core.dispatch.
    """
    if key in _failed:
        _failed[key][1] |= is_heard
        return _failed[key][0], b''
    pid = os.getpid()
    try:
        function = resolve(*name)
        if getattr(function, 'svcfw_takes_router', False):
            kwargs['router'] = router
        value = function(*args, **kwargs)
        forks.end_if_fork(pid)
        payload = router.codec.encode(value)
        if len(payload) > MAX_FRAME_BYTES - _BESIDE_BYTES:
            raise EncodeError('the value takes %d bytes, which is above the limit' % len(payload))
        return None, payload
    except BaseException as e:  # as in any call
        forks.end_if_fork(pid, e)
        failure = shortened(call_error(e))
        _failed[key] = [failure, is_heard]
        return failure, b''


@takes_router
def forget(key, router):
    """A chain has ended or was reset."""
    failure, is_heard = _failed.pop(key, (None, True))
    if not is_heard:
        router.log(router, 40, 'a chain of calls failed without a caller that waits: %s' % failure)
