"""The caller's side of calls: names of functions and services in other contexts, and answers."""

import sys

from svcfw.core import handles
from svcfw.core.context import Reply
from svcfw.core.message import Message
from svcfw.core.wire.errors import CallError, ChannelError, Error, TimeoutError
from svcfw.core.wire.frames import Frame

#: The typename of a CallError that reports a RefusedError to a remote caller.
REFUSED = 'svcfw.service.errors.RefusedError'
_CANCELLED = 'the call was cancelled'


class RefusedError(CallError):
    """A request that was refused: not exposed, not allowed, wrong arguments, queue full.

    reason: str; service, method: names (str), '' where it is raised instead of received.
    """

    def __init__(self, reason, service='', method=''):
        CallError.__init__(self, REFUSED, reason)
        self.reason = self.message
        self.service = service
        self.method = method

    def __reduce__(self):
        return RefusedError, (self.reason, self.service, self.method)


def call(context, function, *args, timeout=None, **kwargs):
    """`context.call` with a deadline: after `timeout` seconds raises TimeoutError and tells the callee.

    A call that has not started by then never will; the outcome of a running one is discarded.
    """
    began = context.router.loop.clock()
    reply = request_call(context, function, args, kwargs, timeout)
    return within(context, '.'.join(reply.what), reply, timeout, began)


def request_call(context, function, args, kwargs, timeout=None):
    """Send the call of a function to `context`; returns its CallReply. As `Context.request_call`."""
    name = name_for(context, function)
    value = wire_call(context, name, args, kwargs)
    reply = CallReply(context, name)
    reply.handle = context.request_async(
        handles.CALL_FUNCTION, value if timeout is None else (*value, timeout), reply.put
    )
    return reply


def send_call(context, function, args, kwargs):
    """Send a call without answer."""
    context.send(handles.CALL_FUNCTION, wire_call(context, name_for(context, function), args, kwargs))


def name_for(context, function):
    """As `function_name`; lets the context import the function's module from now on."""
    name = function_name(function)
    context.router.calling(context, name[0])
    return name


def wire_call(context, name, args, kwargs):
    """The value to send for a call (tuple)."""
    return context.router.codec.constant(name), args, dict(kwargs)


def within(context, what, reply, timeout, began):
    """The value of a CallReply; TimeoutError once `timeout` seconds (None: any) since `began` have passed.

    began: on the loop's clock. A later answer is discarded, and the callee is told.
    """
    clock = context.router.loop.clock
    failure = value = None
    try:
        value = reply.get(None if timeout is None else max(0, timeout - (clock() - began)))
    except Error as e:
        failure = e
    if timeout is not None and clock() - began >= timeout:
        reply.cancel()
        raise TimeoutError('%s: %s has not answered within %s s' % (context, what, timeout)) from None
    if failure is not None:
        raise failure
    return value


def request_service(context, service, method, arguments, timeout=None):
    """Send a call to a service of `context`; returns its ServiceReply. As `Context.request_service`."""
    router = context.router
    encode = router.codec.encode
    name = service_name(service)
    router.calling(context, own_module(service) if isinstance(service, type) else name)
    payload = encode((name, method, timeout, router.encode_for(context.id, arguments)))
    reply = ServiceReply(context, (name, method))
    reply.handle = router.add_handler(reply.put, respondent=context, once=True)
    frame = Frame(context.id, router.own_id, router.own_id, handles.CALL_SERVICE, reply.handle, 0, payload)
    if context.id == router.own_id and router.services is not None:
        router.services.accept_own(Message(router, frame))
    else:
        router.send(frame)
    return reply


class CallReply(Reply):
    """The future answer of a called function."""

    is_cancelled = False
    _cancel_handle = handles.CANCEL_CALL

    def get(self, timeout=None):
        """As Reply.get. Raises ChannelError once cancelled: an answer that was there already is discarded, too."""
        self._refuse_if_cancelled()
        try:
            value = Reply.get(self, timeout)
        except CallError:
            self._refuse_if_cancelled()
            raise
        self._refuse_if_cancelled()
        return value

    def cancel(self):
        """Stop waiting: a call that has not started will not; a running method sees it in `msg.cancelled`."""
        self.is_cancelled = True
        self.context.router.remove_handler(self.handle)
        self.context.send(self._cancel_handle, self.handle)
        self.close(_CANCELLED)

    def _refuse_if_cancelled(self):
        if self.is_cancelled:
            raise ChannelError(_CANCELLED)


class ServiceReply(CallReply):
    """The future answer of a service."""

    _cancel_handle = handles.CANCEL_SERVICE

    def get(self, timeout=None):
        """As Reply.get; raises RefusedError for a call that was refused."""
        try:
            return CallReply.get(self, timeout)
        except CallError as e:
            if e.typename == REFUSED:
                raise RefusedError(e.message, *self.what) from None
            raise


def service_name(service):
    """The name (str) of a service given by name or class. Raises TypeError."""
    if isinstance(service, bytes):
        service = service.decode('utf-8')
    elif hasattr(service, 'name'):
        service = service.name()
    if not isinstance(service, str):
        raise TypeError('%r is neither a service nor its name' % (service,))
    return service


def function_name(function):
    """('package.module', 'Class.method') under which other contexts find the function. Raises TypeError if none can."""
    owner = getattr(function, '__self__', None)
    if isinstance(owner, type):
        module, name = own_module(owner), '%s.%s' % (owner.__qualname__, function.__name__)
    else:
        module, name = own_module(function), getattr(function, '__qualname__', '')
    if not module or not name or '<' in name:
        raise TypeError('%r cannot be called elsewhere: it is not a function of a module or a class' % (function,))
    return module, name


def own_module(thing):
    """The name of the module of a function or class, under which others can import it. Raises TypeError if there is
    none.

    A program run by `python -m package.program` is `__main__` here and package.program elsewhere.
    """
    module = getattr(thing, '__module__', '')
    if module != '__main__':
        return module
    main = sys.modules['__main__']
    if not _is_of(thing, main):
        raise TypeError(
            '%r cannot be called elsewhere: its program was not started by Python itself, but from within %s. '
            'Put it into a module of its own, and import that'
            % (thing, getattr(main, '__file__', None) or 'another one')
        )
    return getattr(getattr(main, '__spec__', None), 'name', module)


def _is_of(thing, main):
    """Whether the program that is `__main__` made this function or class; a profiler may be `__main__` instead."""
    while hasattr(thing, '__wrapped__'):
        thing = thing.__wrapped__
    namespace = vars(main)
    if isinstance(thing, type):
        made = [getattr(each, '__globals__', None) for each in vars(thing).values()]
        return any(each is namespace for each in made) or thing.__qualname__.partition('.')[0] in namespace
    return getattr(thing, '__globals__', namespace) is namespace
