"""Dispatcher: runs the functions that other contexts call, one at a time, on the main thread."""

import os
import sys
from _collections import OrderedDict

from svcfw.core import forks, handles, load, logs
from svcfw.core.latch import Latch
from svcfw.core.message import has_parent_authority
from svcfw.core.wire.errors import CallError, ChannelError, Error

#: Calls that may wait for the main thread; more are refused, so that a caller in a loop cannot fill the memory.
MAX_PENDING_CALLS = 10000


def takes_router(function):
    """Mark a function that takes the keyword argument `router`: the Router of the context that runs it."""
    function.svcfw_takes_router = True
    return function


def inline(function):
    """Mark a function that never blocks: calling it starts no standby thread for the loop."""
    function.svcfw_inline = True
    return function


def call_error(error):
    """The CallError that reports the exception being handled to a remote caller."""
    kind = type(error)
    try:
        import traceback  # 10 ms when a target starts, and needed only after a failure

        text = ''.join(traceback.format_exception(kind, error, error.__traceback__))
    except Exception:  # e.g. an account without permission to read this Python's library
        text = ''
    name = kind.__qualname__ if kind.__module__ == 'builtins' else '%s.%s' % (kind.__module__, kind.__qualname__)
    return CallError(name, _text(error), text)


def _text(error):
    try:
        return str(error)
    except Exception as e:
        return '<no text: %r>' % type(e)


def fail(message, failure):
    """Answer `message` (a Message) with a CallError, its texts shortened to fit a frame. Any thread."""
    try:
        message.fail(failure)
    except Error:
        message.fail(load('svcfw.core.calls.shorten').shortened(failure))


class Dispatcher(object):
    """Queues calls for a router's context; `run()` executes them until the context ends."""

    def __init__(self, router):
        #: Whether a call is being executed.
        self.busy = False
        self._router = router
        #: Waiting calls in order, {origin: (message, arrived)}, so that one is cancelled without a search; and
        #: (None, function) of `do`.
        self._calls = OrderedDict()
        #: An item for each of them.
        self._arrivals = Latch(router.loop, brief=True)
        #: Keys of chains (svcfw.core.calls.chain) with a refused call, until they are forgotten.
        self._refused_chains = set()
        router.add_handler(self._on_call, handles.CALL_FUNCTION, policy=has_parent_authority)
        router.add_handler(self._on_cancel, handles.CANCEL_CALL, policy=has_parent_authority)
        router.on_shutdown(lambda: self._arrivals.close('the context ended'))

    def _on_call(self, message):
        if message.is_dead:
            return
        waiting = len(self._calls)
        if waiting >= MAX_PENDING_CALLS or self._refused_chains:
            waiting = self._waiting_for(message.value(), waiting)
        if waiting < MAX_PENDING_CALLS:
            frame = message.frame
            self._calls[(frame.src, frame.reply_to) if frame.reply_to else message] = message, self._router.loop.clock()
            self._arrivals.put()
        else:
            self._tell(message, CallError('svcfw.BusyError', '%d calls are waiting already' % MAX_PENDING_CALLS))

    def do(self, function):
        """Queue `function` for the main thread, among the calls. Loop thread."""
        self._calls[function] = None, function
        self._arrivals.put()

    def _waiting_for(self, call, waiting):
        """How many calls wait, as counted for a chain: none of it may run after one that was refused."""
        (module, function), args = call[:2]
        if module != 'svcfw.core.calls.chain':
            return waiting
        refused = self._refused_chains
        if function == 'forget':
            refused.discard(args[0])
            return waiting // 2  # the call is treated as never refused: that would leave a failure here
        if waiting >= MAX_PENDING_CALLS:
            refused.add(args[0])
        return MAX_PENDING_CALLS if args[0] in refused else waiting

    def _on_cancel(self, message):
        """The caller no longer waits: do not start its call."""
        if not message.is_dead and self._calls.pop((message.src_id, message.value()), None) is not None:
            self._arrivals.take_back()

    def run(self):
        """Execute calls until the router is shut down. Main thread."""
        while True:
            try:
                self._arrivals.get()
                _, (message, arrived) = self._calls.popitem(last=False)
            except ChannelError:
                return
            except KeyError:
                continue  # it was cancelled just now
            if self._router.closed is not None:
                return  # nobody waits for the rest
            if message is None:
                arrived()
                continue
            self.busy = True
            self._execute(message, arrived)
            self.busy = False

    def _execute(self, message, arrived):
        pid = os.getpid()
        try:
            (module, name), args, kwargs, *timeout = message.value()
            if timeout and self._router.loop.clock() - arrived >= timeout[0]:
                message.refuse('the caller no longer waits')
                return
            function = resolve(module, name)
            if getattr(function, 'svcfw_takes_router', False):
                kwargs['router'] = self._router
            if not getattr(function, 'svcfw_inline', False):
                logs.install(self._router)
                self._router.loop.ensure_standby()
            value = function(*args, **kwargs)
            forks.end_if_fork(pid)
            message.reply(value)
        except BaseException as e:  # KeyboardInterrupt and the like end the call, not the context
            forks.end_if_fork(pid, e)
            self._tell(message, call_error(e))

    def _tell(self, message, failure):
        if message.wants_reply():
            fail(message, failure)
        else:
            self._router.log(self._router, 40, 'a call failed: %s' % failure)


def resolve(module, name):
    """The function 'Class.method' of a module, imported now. Raises ImportError, AttributeError."""
    if module == '__main__':
        _make_room_for_main()
    __import__(module)
    found = sys.modules[module]
    for part in name.split('.'):
        found = getattr(found, part)
    return found


def _make_room_for_main():
    """The caller's program replaces the first stage as __main__."""
    main = sys.modules.get('__main__')
    if getattr(main, '__spec__', None) is None:
        sys.modules.pop('__main__', None)
