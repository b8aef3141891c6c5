"""Router: brings each frame to its handler or link, and refuses frames that may not pass.

A frame for this context goes to the handler of its handle, on the driving thread; one for another context to the link
behind which that is, else to the parent. What needs children (routes, rights) is with svcfw.core.parent.relay.
"""

import _thread
import os

from svcfw.core import forks, handles, load
from svcfw.core.context import Context, codec_for
from svcfw.core.latch import Latch
from svcfw.core.loop import Loop
from svcfw.core.message import Message, has_parent_authority
from svcfw.core.stream import Stream
from svcfw.core.wire.errors import ChannelError, ProtocolError, TimeoutError
from svcfw.core.wire.frames import DEAD, Frame
from svcfw.core.wire.link import Goodbye


class _NoRoutes(object):
    """Of a context without children; with the first of them svcfw.core.parent.relay puts a RouteTable in its place."""

    links = set

    def link_for(self, context_id):
        return None


class Router(object):
    """The routing of one context: links to parent and children, handlers, its view of the tree.

    own_id, parent_ids: ids of this context and of its ancestors, nearest first; the root is 0, without ancestors.
    log(router, level, text): called for errors that no caller gets; level as in `logging`.
    Handlers run on the thread that drives `loop`. Public methods may be called by any thread unless they say otherwise.
    """

    bundle = None  # for children: the packed core from which this context was started (bytes)

    def __init__(self, log, own_id=0, parent_ids=(), name='master'):
        self.own_id = own_id
        self.parent_ids = tuple(parent_ids)
        self.name = name
        self.log = log
        self.loop = Loop(self._on_loop_error)
        self.codec = codec_for(self)
        #: What others attach, each once it exists: the service pool of this context (svcfw.service.Pool), the shared
        #: state of file transfers (svcfw.files.transfers.Transfers), the contexts that may write to handles here
        #: (Holders), the relay for children (svcfw.core.parent.relay.Relay), the Importer of modules from above.
        self.services = self.transfers = self.holders = self.relay = self.importer = None
        #: Set by who starts this context: (first, last) of the ids for children that were granted to it; the level (as
        #: in `logging`) from which on log records are wanted.
        self.ids = None
        self.log_level = 30
        #: Whether this process's log records go to the root already; see logs.install.
        self.forwards_logging = False
        self.closed = None
        #: None in a fork's copy.
        self._pid = os.getpid()  # type: object
        forks.watch(self)
        #: What one above attests of others that may speak to this context (svcfw.core.beside): {id: dict}.
        self.beside = {}
        #: What of this context is above the core: {handle: name of the module that serves it}. Named by the layer that
        #: starts it (svcfw.transport.start), and imported when it is needed.
        self.extensions = {}
        #: The children's starters (svcfw.transport.start) until their processes have ended.
        self.starters = set()
        self._lock = _thread.allocate_lock()
        #: The route to each descendant, and which of them are children; changed by the driving thread.
        self.routes = _NoRoutes()
        self.child_ids = set()
        self._parent_link = None
        #: {id: Context} of those that this context has used. What a peer names alone is not kept here.
        self.contexts = {}
        #: {handle: (function, policy, respondent's id, once)}; see add_handler.
        self._handlers = {}
        self._next_handle = handles.FIRST_DYNAMIC
        #: {id: [function]}; see on_gone.
        self._on_gone = {}
        self._on_shutdown = []
        #: The thread that runs the functions of `on_shutdown` now; `ended` is closed when they have run.
        self._ending_thread = None
        self.ended = Latch(self.loop)
        self.add_handler(self._on_shutdown_request, handles.SHUTDOWN, has_parent_authority)

    # -- contexts

    def context(self, context_id, name=None):
        """The Context object for an id; always the same one."""
        with self._lock:
            known = self.contexts.get(context_id)
            if known is None:
                known = self.contexts[context_id] = Context(self, context_id, name)
        if name and not known.name:
            known.name = name
        return known

    def myself(self):
        """The Context object of this context, to give to others."""
        return self.context(self.own_id, self.name)

    def parent(self):
        """The parent's Context; None at the root."""
        return self.context(self.parent_ids[0]) if self.parent_ids else None

    def local(self, *args, **kwargs):
        """Start a child on this machine; returns its Context. As `svcfw.Router.local`."""
        return load(self.extensions[handles.CHILDREN]).local(self, *args, **kwargs)

    def ssh(self, *args, **kwargs):
        """Start a child over ssh; returns its Context. As `svcfw.Router.ssh`."""
        return load(self.extensions[handles.CHILDREN]).ssh(self, *args, **kwargs)

    # -- links

    def add_parent(self, link, read_fd, write_fd):
        self._parent_link = Stream(
            self.loop, link, read_fd, write_fd, 'parent', self._on_parent_event, self._on_parent_lost
        )
        return self._parent_link

    def add_child(self, context, link, read_fd, write_fd, on_event, on_lost):
        """Connect a child that is being started: its frames count from now on.

        on_event(stream, event) gets what is not a frame, on_lost(stream, reason) the end, once. Driving thread.
        """
        return (
            load('svcfw.core.parent.relay')
            .relay_of(self)
            .add_child(context, link, read_fd, write_fd, on_event, on_lost)
        )

    def streams(self):
        """The links to children, each once (set of Stream)."""
        return self.routes.links()

    def link_for(self, context_id):
        """The link that leads to a context (opaque, hashable); None for this one, and without a route."""
        stream = self.routes.link_for(context_id)
        return stream if stream is not None else self._parent_link

    def neighbour(self, context):
        """The child by way of which a context is reached, or that is it; None without a route."""
        stream = self.routes.link_for(context.id)
        if stream is None:
            return None
        return next((self.context(each) for each in self.child_ids if self.routes.link_for(each) is stream), None)

    def has_route(self, context):
        """Whether a context above or below this one is there, as far as is known here."""
        return context.id in self.parent_ids or self._knows(context.id)

    def _knows(self, context_id):
        """Whether its loss would be told: it is below, or beside."""
        return context_id in self.beside or self.routes.link_for(context_id) is not None

    def calling(self, context, module):
        """Hook, called before a call goes out: what the other side will have to import. See the relay's."""

    def allocate_id(self):
        """An id for a new child. Requests more from the parent when the present block is used up (blocks for one
        answer)."""
        return load('svcfw.core.parent.relay').relay_of(self).allocate_id()

    # -- handlers

    def add_handler(self, function, handle=None, policy=None, respondent=None, once=False):
        """Call `function(message)` for each message to `handle`, a new one if None. Returns the handle.

        policy(message) -> bool: others are refused. respondent: only this context may write to the handle; its loss is
        delivered as a dead message, after which the handler is removed. once: removed after the first message.
        """
        with self._lock:
            if handle is None:
                handle = self._next_handle
                while handle in self._handlers:
                    handle = handle + 1 if handle < 0xFFFFFFFF else handles.FIRST_DYNAMIC
                self._next_handle = handle + 1 if handle < 0xFFFFFFFF else handles.FIRST_DYNAMIC
            elif handle in self._handlers:
                raise ValueError('handle %d has a handler already' % handle)
            self._handlers[handle] = (function, policy, None if respondent is None else respondent.id, once)
        if self.closed is not None:
            self.remove_handler(handle)
            raise ChannelError(self.closed)
        return handle

    def remove_handler(self, handle):
        self._handlers.pop(handle, None)
        if self.holders is not None:
            self.holders.forget(handle)

    def encode_for(self, context_id, value):
        """The payload (bytes) of a value for one context, which may write to the handles whose Senders it contains.

        When all contexts with a Sender are lost, the handler gets a dead message and is removed. Raises EncodeError.
        """
        if self.holders is None:
            return self.codec.encode(value)
        return self.holders.encode(context_id, value, self)

    # -- sending

    def send(self, frame):
        """Send on behalf of this context. If no answer can come, a dead message is delivered."""
        if not forks.HAS_HOOK:
            self.is_fork()
        if frame.dst == self.own_id:
            self.loop.call_soon(lambda: self.deliver(frame))
            return
        stream = self.link_for(frame.dst)
        try:
            if stream is None:
                known = self.contexts.get(frame.dst)
                raise ChannelError('there is no route to %s' % (known or 'context %d' % frame.dst))
            stream.send(frame)
        except ChannelError as e:
            self.bounce(frame, str(e))

    def bounce(self, frame, reason):
        """Send a dead message to the sender of a frame that expects an answer, in the name of its destination."""
        if frame.reply_to and not frame.flags & DEAD:
            dead = Frame(frame.src, frame.dst, self.own_id, frame.reply_to, 0, DEAD, reason.encode('utf-8', 'replace'))
            if frame.src == self.own_id:
                self.loop.call_soon(lambda: self.deliver(dead))
            else:
                self.send(dead)

    # -- arriving frames; driving thread

    def _on_parent_event(self, stream, event):
        if type(event) is Frame:
            if event.dst == self.own_id:
                self.deliver(event)
            elif self.relay is not None:
                self.relay.forward(stream, event)
            else:
                self.bounce(event, 'there is no route to context %d' % event.dst)
        elif isinstance(event, Goodbye):
            self.shutdown('%s has shut down' % stream.name)

    def refused(self, link, text, level=30, counts=True):
        """Log why a frame that came by `link` is refused; descendants have a rate limit.

        counts: the link is ended if this happens too often.
        """
        text = '%s: refused a frame: %s' % (link.name if link else self.name, text)
        conduct = self.relay and self.relay.conducts.get(link)
        if conduct:
            conduct.refused(level, text, counts)
        else:
            self.log(self, level, text)

    def deliver(self, frame):
        """Call the handler for a frame to this context. Driving thread."""
        handler = self._handlers.get(frame.handle)
        message = Message(self, frame)
        if handler is None:
            message.refuse('%s has no handle %d' % (self.name, frame.handle))
            return
        function, policy, respondent_id, once = handler
        if respondent_id is not None and respondent_id != frame.src and not self._speaks_for(frame, respondent_id):
            self._refuse(frame, 'an answer from context %d, which was not asked' % frame.src, 30)
        else:
            try:
                if policy is not None and not policy(message):
                    message.refuse('%s: context %d may not use handle %d' % (self.name, frame.src, frame.handle))
                    return
                if once or (respondent_id is not None and message.is_dead):
                    self.remove_handler(frame.handle)
                function(message)
            except Exception as e:
                # The sender may have sent a malformed value; it harms no other context, and gets an answer.
                if not message.is_dead:
                    text = '%r: %s: %s' % (message, type(e).__name__, e)
                    self._refuse(frame, text, 40, isinstance(e, ProtocolError))
                    message.refuse(text)

    def _refuse(self, frame, text, level, counts=True):
        """`refused`, for what came from the sender of a frame: for those below it a child does not answer."""
        self.refused(self.routes.link_for(frame.src), text, level, counts and frame.src in self.child_ids)

    def _speaks_for(self, frame, respondent_id):
        """Besides the respondent: a neighbour on the route to it, with a dead message."""
        if frame.src == self.own_id:
            return True
        is_neighbour = frame.src in self.child_ids or frame.src in self.parent_ids
        return is_neighbour and bool(frame.flags & DEAD) and self.link_for(frame.src) is self.link_for(respondent_id)

    # -- the tree

    def on_gone(self, context, function):
        """Call `function(reason)` once, on the driving thread, when `context` is lost.

        The loss of an ancestor ends this context: see `on_shutdown`.
        """
        with self._lock:
            if self._knows(context.id):
                self._on_gone.setdefault(context.id, []).append(function)
                return
        if context.id in (self.own_id, *self.parent_ids):
            self.on_shutdown(lambda: function(self.closed))
        else:
            self.loop.call_soon(lambda: function('%s is gone' % context))

    def gone(self, context_id, reason, tells=True):
        """A context is lost, below or beside: wake all that wait for it. tells: the parent too. Driving thread."""
        with self._lock:
            lost = [handle for handle, entry in list(self._handlers.items()) if entry[2] == context_id]
            callbacks = self._on_gone.pop(context_id, [])
            self.contexts.pop(context_id, None)
        self.child_ids.discard(context_id)
        deserted = [] if self.holders is None else self.holders.drop(context_id)
        self._kill_handlers(lost + deserted, reason)
        for handle in deserted:
            self.remove_handler(handle)
        if tells and self._parent_link is not None:
            self.tell_parent(handles.DEL_ROUTE, (context_id, reason))
        for callback in callbacks:
            self.loop.call_soon(lambda callback=callback: callback(reason))

    def _kill_handlers(self, lost, reason):
        for handle in lost:
            self.deliver(
                Frame(self.own_id, self.own_id, self.own_id, handle, 0, DEAD, reason.encode('utf-8', 'replace'))
            )

    def tell_parent(self, handle, value):
        """Send a message without answer to the parent."""
        self.send(Frame(self.parent_ids[0], self.own_id, self.own_id, handle, 0, 0, self.codec.encode(value)))

    # -- a fork's copy

    def is_fork(self):
        """Whether the calling process is a fork of the router's process; the copy is dead then."""
        if os.getpid() == self._pid:
            return False
        self.abandon()
        return True

    def abandon(self):
        """In a fork: close everything, and raise an error on use. Idempotent."""
        if self._pid is None:
            return
        name, self._pid = 'process %s' % self._pid, None
        self.closed = 'this is a fork of %s (%s), which alone may use its router' % (name, self.name)
        # A thread that does not exist any more may have held any of the locks.
        self._lock = _thread.allocate_lock()
        self._handlers.clear()
        for stream in (self.routes.links() | {self._parent_link}) - {None}:
            stream.abandon()
        self.loop.abandon(self.closed)

    # -- the end

    def on_shutdown(self, function):
        """Call `function()` once when this context ends, on the thread that ends it."""
        self._on_shutdown.append(function)

    def _on_parent_lost(self, stream, reason):
        self.shutdown(reason)

    def _on_shutdown_request(self, message):
        message.reply(None)
        self.loop.call_soon(lambda: self.shutdown('%s was told to shut down' % self.name))

    def shutdown(self, reason='the router was shut down'):
        """Say goodbye on all links and wake every waiter with ChannelError(reason). Idempotent.

        Runs the functions of `on_shutdown`; a concurrent call returns at once, `join_shutdown` waits for them.
        """
        with self._lock:
            if self.closed is not None:
                return
            self.closed = reason
            self._ending_thread = _thread.get_ident()
            lost = list(self._handlers)
        for stream in self.routes.links():
            stream.say_goodbye()
        self.loop.call_soon(lambda: self._kill_handlers(lost, reason))
        for function in self._on_shutdown:
            try:
                function()
            except BaseException as e:  # SystemExit of one must not skip the others
                self._on_loop_error(e)
        self._ending_thread = None
        self.ended.close('the end')

    def join_shutdown(self, timeout_s):
        """Wait until a running shutdown has run its functions, for `timeout_s` seconds at most. Any thread.

        Returns at once on the thread that runs them.
        """
        if self._ending_thread != _thread.get_ident():
            try:
                self.ended.get(timeout_s)
            except (ChannelError, TimeoutError):
                pass

    def _on_loop_error(self, error):
        self.log(self, 40, '%s: %s: %s' % (self.name, type(error).__name__, error))
