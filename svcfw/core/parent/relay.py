"""Relay: what a context does for its descendants: above all forward their frames, or refuse them.

Routes and ids go from neighbour to neighbour, each of which is responsible for those below it. The top alone decides
which modules and data files a context may have (svcfw.boot.responder): requests reach it with the requester's id, and
calls with the caller's. A module that this context has already is not sent again.
"""

import _thread
import zlib

from svcfw.core import handles
from svcfw.core.message import shaped
from svcfw.core.parent.assembly import AssembledLink, Assembly
from svcfw.core.parent.conduct import Conduct
from svcfw.core.stream import Stream
from svcfw.core.wire.errors import CallError, ChannelError, DecodeError, RouteError
from svcfw.core.wire.frames import Frame
from svcfw.core.wire.limits import MAX_FRAME_BYTES
from svcfw.core.wire.passing import check_direction, check_source
from svcfw.core.wire.routes import RouteTable

#: Modules that any context may have: see svcfw.boot.public.
_OURS = tuple('svcfw.%s.' % folder for folder in ('core', 'service', 'files', 'agent', 'transport', 'boot'))
#: What a context below may call another one.
MAX_NAME_CHARS = 200
#: Most contexts behind one link: each costs some 500 bytes here.
MAX_DESCENDANTS = 20000


_making = _thread.allocate_lock()


def relay_of(router):
    """The Relay of a router, created before its first child. Any thread."""
    with _making:
        router.relay = router.relay or Relay(router)
    return router.relay


class Relay(object):
    """Serves the children of one router, on its loop, and allocates their ids. See `relay_of`."""

    def __init__(self, router):
        self._router = router
        #: Whether children were started here: see svcfw.transport.leaving.
        self.has_starters = False
        #: passes(source link, frame): whether it has taken a frame between two contexts of which neither is above the
        #: other; None: no such frame passes.
        self.passes = None
        #: The largest payload that a child may send; counts for those that are started from then on.
        self.max_frame_bytes = MAX_FRAME_BYTES
        self._assembly = Assembly()
        #: {id of a context of another account, or below one: its Seal}, at the top only.
        self.seals = {}
        #: {link to a child: its Conduct}, and how many contexts each has told of.
        self.conducts = {}
        self._descendants = {}
        #: {id of a context below: modules that this context has called functions of there}
        self._called = {}
        self._lock = _thread.allocate_lock()
        first, last = router.ids or (0, -1)
        if router.own_id == 0:
            first, last = 1, (1 << 32) - 1
        self._unused_ids = [first, last + 1]
        router.routes = RouteTable(router.own_id, router.parent_ids)
        #: (first, last) of all ids that descendants may have, or have had.
        self._blocks = [(first, last)]
        for handle, function in (
            (handles.ADD_ROUTE, self._on_add_route),
            (handles.DEL_ROUTE, self._on_del_route),
            (handles.ALLOCATE_ID, self._on_allocate_id),
        ):
            router.add_handler(function, handle, self._is_from_child)
        if router.importer is not None:  # at the top there is a responder
            router.calling = self.calling
            router.add_handler(self._on_get_module, handles.GET_MODULE)
            router.add_handler(self._on_get_data, handles.GET_DATA)

    def _is_from_child(self, message):
        """Policy: allows children."""
        return message.src_id in self._router.child_ids

    # -- links

    def link(self, marker, max_frame_bytes=None):
        """The Link to a child that is being started; the largest payload is `max_frame_bytes` of this if None."""
        return AssembledLink(self._assembly, marker, max_frame_bytes or self.max_frame_bytes, self.seals)

    def add_child(self, context, link, read_fd, write_fd, on_event, on_lost):
        """See `Router.add_child`."""
        router = self._router

        def event(stream, event):
            if type(event) is Frame:
                self._on_frame(stream, event)
            else:
                on_event(stream, event)

        def lost(stream, reason):
            for context_id in router.routes.drop_link(stream):
                self._called.pop(context_id, None)
                router.gone(context_id, reason)
            conduct.tell()
            del self.conducts[stream], self._descendants[stream]
            link.forget()
            on_lost(stream, reason)

        def expel(reason):
            reason = '%s: the connection was ended: %s' % (context, reason)
            router.log(router, 30, reason)
            stream.close(reason)

        stream = Stream(router.loop, link, read_fd, write_fd, context.name, event, lost)
        link.end = lambda reason: expel(reason)
        conduct = self.conducts[stream] = Conduct(router, context.name, expel)
        self._descendants[stream] = set()
        router.routes.add_trusted(context.id, stream)
        router.child_ids.add(context.id)
        if router.parent_ids:
            router.tell_parent(handles.ADD_ROUTE, (context.id, context.name))
        return stream

    # -- frames

    def _on_frame(self, stream, frame):
        """A frame of a child or of its descendant, whose source is not trusted."""
        router = self._router
        reason = check_source(router.routes, stream, frame)
        if reason is not None:
            router.refused(stream, reason)  # not answered: the named source did not send it
            return
        if frame.dst == router.own_id:
            router.deliver(frame)
        else:
            self.forward(stream, frame)
        if stream.is_full():
            _backpressure(stream, stream)  # backpressure: a child that does not read its answers may not send requests

    def forward(self, source, frame):
        """Forward a frame that came by the link `source` and is for another context."""
        router = self._router
        reason = check_direction(router.routes, frame.src, frame.dst)
        if reason is not None:
            if self.passes is not None and self.passes(source, frame):
                return
            router.refused(source, reason)
            router.bounce(frame, reason)
            return
        target = router.link_for(frame.dst)
        if target is None or target is source:
            router.bounce(frame, 'there is no route to context %d' % frame.dst)
            return
        try:
            target.send(frame)
        except ChannelError as e:
            router.bounce(frame, str(e))
            return
        if target.is_full():
            _backpressure(source, target)

    # -- routes and ids

    def _on_add_route(self, message):
        context_id, name = shaped(message.small_value(), (int, str))
        name = name[:MAX_NAME_CHARS]
        router = self._router
        link = router.link_for(message.src_id)
        descendants = self._descendants[link]
        if len(descendants) >= MAX_DESCENDANTS and context_id not in descendants:
            raise RouteError('more than %d contexts behind one link' % MAX_DESCENDANTS)
        router.routes.add(context_id, link)
        descendants.add(context_id)
        router.context(context_id, name)
        if router.parent_ids:
            router.tell_parent(handles.ADD_ROUTE, (context_id, name))

    def _on_del_route(self, message):
        context_id, reason = shaped(message.small_value(), (int, str))
        router = self._router
        if context_id == message.src_id or router.routes.link_for(context_id) is not router.link_for(message.src_id):
            raise RouteError('context %d is not below context %d' % (context_id, message.src_id))
        router.routes.remove(context_id)
        self._descendants[router.link_for(message.src_id)].discard(context_id)
        self._called.pop(context_id, None)
        router.gone(context_id, reason)

    def allocate_id(self):
        """See Router.allocate_id."""
        while True:
            with self._lock:
                first, end = self._unused_ids
                if first < end:
                    self._unused_ids[0] += 1
                    return first
            first, last = self._router.parent().request(handles.ALLOCATE_ID, None)
            with self._lock:
                self._unused_ids = [first, last + 1]
                self._blocks.append((first, last))

    def was_below(self, context_id):
        """Whether this is a descendant, or may have been."""
        return any(first <= context_id <= last for first, last in list(self._blocks))

    def reserve_ids(self, count, stream=None):
        """(first, last) of a block for the descendants of one child; None where ids have to be requested.

        stream: the link to which they are granted at once. Raises RouteError; then none is used up.
        """
        if self._router.own_id != 0:
            return None
        with self._lock:
            first = self._unused_ids[0]
            if stream is not None:
                self._router.routes.grant(first, first + count - 1, stream)
            self._unused_ids[0] += count
        return first, first + count - 1

    def _on_allocate_id(self, message):
        router = self._router
        stream = router.link_for(message.src_id)

        def granted(answer):
            if answer.is_dead:
                message.refuse(answer.reason)
                return
            first, last = shaped(answer.value(), (int, int))
            router.routes.grant(first, last, stream)
            self._blocks.append((first, last))
            message.reply((first, last))

        if router.own_id == 0:
            message.reply(self.reserve_ids(handles.ID_BLOCK, stream))
        else:
            router.parent().request_async(handles.ALLOCATE_ID, None, granted)

    # -- modules

    def calling(self, context, module):
        """A function of `module` is about to be called in a context: if it is below this one, it may have that."""
        router = self._router
        if router.routes.link_for(context.id) is None:
            return
        called = self._called.setdefault(context.id, set())
        if module not in called:
            called.add(module)
            router.parent().send(handles.GET_MODULE, (module, context.id, router.own_id))

    def _require_behind(self, message, others):
        """Require that the contexts a neighbour names are behind its own link. DecodeError."""
        link = self._router.link_for(message.src_id)
        for other in others:
            if type(other) is not int or self._router.routes.link_for(other) is not link:
                raise DecodeError('no context below the one that names it')

    def _on_get_module(self, message):
        """As that of svcfw.boot.responder. Of ours each may have what this context has; the top decides on the rest."""
        if message.is_dead:
            return
        value = message.small_value()
        question = value if type(value) is tuple else (value, message.src_id)
        name = question[0]
        if type(name) is not str or len(question) not in (2, 3):
            raise DecodeError('a module name is text')
        self._require_behind(message, question[1:])
        if len(question) == 3:
            self._router.parent().send(handles.GET_MODULE, question)
        elif name in self._router.importer.sources and (name + '.').startswith(_OURS):
            message.reply([self._pack(name)])
        else:
            above = self._router.importer.above()
            above.request_async(handles.GET_MODULE, question, lambda reply: self._pass(message, reply))

    def _pass(self, message, reply):
        if reply.is_dead:
            message.refuse(reply.reason)
            return
        # The top leaves out what it has sent here.
        modules = [module if module[3] != b'' else self._pack(module[0]) for module in reply.value()]
        # That those below may not have one, or that there is none, says nothing about what this context may have.
        self._router.importer.accept([module for module in modules if module[3] is not None])
        message.reply(modules)

    def _pack(self, name):
        filename, source, is_package = self._router.importer.sources[name]
        return name, is_package, filename.partition('/')[2], zlib.compress(source, 1)

    def _on_get_data(self, message):
        """Not cached: few request a file, and it may be large."""
        if message.is_dead:
            return
        value = message.small_value()
        if type(value) is not tuple or len(value) not in (3, 4):
            raise DecodeError('no question for a data file')
        question = value if len(value) == 4 else value + (message.src_id,)
        self._require_behind(message, question[3:])

        def answer(reply):
            if reply.is_dead:
                message.refuse(reply.reason)
                return
            try:
                message.reply(reply.value())
            except CallError as e:
                message.fail(e)

        self._router.importer.above().request_async(handles.GET_DATA, question, answer)


def _backpressure(source, target):
    """Backpressure: read from `source` only what `target`, which is full, takes."""
    source.pause_reading()
    target.when_room(source.resume_reading)
