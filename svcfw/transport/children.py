"""Starts and disconnects children: of this context, and of other contexts on behalf of this one.

Implements `local`, `ssh` and `disconnect` of Router and Context, in every context. `ChildrenForOthers` is the callee's
side, created on the first request from an ancestor (svcfw.core.entry).
"""

from svcfw.core import handles
from svcfw.core.context import Context
from svcfw.core.dispatch import call_error, fail
from svcfw.core.latch import Latch
from svcfw.core.message import has_parent_authority, shaped
from svcfw.core.parent.relay import relay_of
from svcfw.core.wire.errors import START_KINDS, ChannelError, DecodeError, Error, StartError, TimeoutError
from svcfw.transport import connect
from svcfw.transport.spec import DEFAULT_TIMEOUT_S, LOCAL, Spec
from svcfw.transport.start import LEAVE_S, Starter, start_and_wait

_START, _LET_GO = 'start', 'let go'
#: Time for the answer of a context that starts another for this one, beyond its own time-outs.
_MARGIN_S = 2 * LEAVE_S


def local(router, python=None, name=None, timeout_s=DEFAULT_TIMEOUT_S, via=None):
    """Start a child on this machine; returns its Context.

    python: path of the interpreter, by default ours. via: a descendant Context that starts it as its child, on its
    machine, by default with its interpreter.
    """
    spec = Spec(transport=LOCAL, host='localhost', python=python, timeout_s=timeout_s)
    return _start(router, spec, name, via)


def ssh(router, hostname, username=None, port=None, password=None, name=None, via=None, **options):
    """Start a child over ssh; returns its Context.

    via: a descendant Context that starts it as its child, with the `ssh` program, keys and configuration of its
    account. options: the fields of svcfw.transport.spec.Spec; `transport` chooses the `ssh` program or paramiko,
    which works for children of this context only.
    """
    return _start(router, Spec(host=hostname, user=username, port=port, password=password, **options), name, via)


def _start(router, spec, name, via):
    if not isinstance(via, (Context, type(None))):
        raise TypeError('via must be a Context, not %r' % (via,))
    name = name or spec.host
    if via is None or via.id == router.own_id:
        return start_and_wait(router, name, connect.launcher(spec), spec.timeout_s)
    if via.id in router.parent_ids:
        raise StartError('option', spec.host, '%s is not a descendant of this context' % via, 'Correct `via`.')
    try:
        return _start_elsewhere(router, spec, name, via)
    except TimeoutError:
        raise StartError('timeout', spec.host, 'no answer from %s, which starts it' % via, 'Try again.') from None
    except StartError as e:
        raise StartError(e.kind, e.host, 'by way of %s: %s' % (via, e.cause), e.remedy, e.status) from None


def _start_elsewhere(router, spec, name, via):
    outcome = Latch(router.loop)
    relay_of(router)  # a router without one has no routes yet
    known = frozenset(router.routes.behind(router.routes.link_for(via.id)))

    def answered(message):
        try:
            outcome.put(message)
        except ChannelError:
            _let_go_of_late(message, via, known)

    via.request_async(handles.CHILDREN, (_START, vars(spec), name), answered)
    try:
        return _started(outcome.get(spec.timeout_s + _MARGIN_S), via, known)
    except DecodeError as e:
        raise StartError('died', spec.host, 'malformed answer of %s: %s' % (via, e), 'Try again.') from None
    except BaseException:  # Ctrl-C too
        outcome.close()
        if not outcome.empty():  # it arrived at the last moment
            message = outcome.get()
            router.loop.call_soon(lambda: _let_go_of_late(message, via, known))
        raise


def _started(message, via, known):
    """The Context that `via` has started, from its answer. Raises StartError, CallError, ChannelError, DecodeError.

    `via` must not direct messages to another context: the new one has to be behind the same link, and its id not among
    `known`, the ids that existed before.
    """
    error, context = shaped(message.value(), ((tuple, type(None)), (Context, type(None))))
    if error is not None:
        kind, *_ = shaped(error, (str, str, str, str, (int, type(None))))
        raise StartError(kind if kind in START_KINDS else 'died', *error[1:])
    routes = message.router.routes
    link = routes.link_for(via.id)
    if context is None or link is None or routes.link_for(context.id) is not link or context.id in known:
        raise DecodeError('expected the id of a new context')
    return context


def _let_go_of_late(message, via, known):
    try:
        context = _started(message, via, known)
    except Error:
        return
    _let_go(message.router, context.id)


def disconnect(context, timeout=None):
    """See Context.disconnect."""
    router = context.router
    if not relay_of(router).was_below(context.id):
        raise ValueError('%s is not a descendant of this context' % context)
    gone = Latch(router.loop)
    router.on_gone(context, gone.put)
    router.loop.call_soon(lambda: _let_go(router, context.id))
    try:
        gone.get(timeout)
    except TimeoutError:
        raise TimeoutError('%s: not disconnected within %g s' % (context, timeout)) from None


def _let_go(router, context_id):
    """Close the link of a descendant, or have its parent close it. Loop thread."""
    context = Context(router, context_id)
    near = router.neighbour(context)
    for starter in list(router.starters):
        if starter.context == context:
            starter.disconnect()
    if near is not None and near != context:
        near.send(handles.CHILDREN, (_LET_GO, context_id))


class ChildrenForOthers(object):
    """Starts and disconnects children of this context for its ancestors. Loop thread."""

    def __init__(self, router):
        self._router = router
        router.remove_handler(handles.CHILDREN)
        router.add_handler(self.accept, handles.CHILDREN, policy=has_parent_authority)

    def accept(self, message):
        if message.is_dead:
            return
        what, value, *name = message.value()
        if what == _LET_GO:
            _let_go(self._router, value)
        else:
            self._start(message, value, *name)

    def _start(self, message, fields, name):
        def failed(error):
            message.reply(((error.kind, error.host, error.cause, error.remedy, error.status), None))

        try:
            spec = Spec(**fields)
            launch = connect.launcher(spec)
            Starter(self._router, name, launch, lambda context: message.reply((None, context)), failed, spec.timeout_s)
        except StartError as e:
            failed(e)
        except ChannelError as e:  # this context is ending: report it as gone
            message.refuse(str(e))
        except Exception as e:
            fail(message, call_error(e))


def start_in_child(router, waiting):
    """Replace the temporary handler. Called by svcfw.core.entry."""
    children = ChildrenForOthers(router)
    for message, _ in waiting:
        children.accept(message)
