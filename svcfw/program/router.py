"""Router of a program: the root of a tree, with methods that start children."""

import logging

from svcfw.boot import bundle
from svcfw.boot.responder import Responder
from svcfw.core import handles
from svcfw.core.parent import logsink, printable
from svcfw.core.parent.gathering import Gathering
from svcfw.core.parent.relay import relay_of
from svcfw.core.router import Router as CoreRouter
from svcfw.transport import children, leaving
from svcfw.transport.start import EXTENSIONS, LEAVE_S

_log = logging.getLogger('svcfw')


class Router(CoreRouter):
    """The root of a tree of contexts. A context manager: leaving it ends all of them.

    standby: let a spare thread do I/O while the program computes; a program that only serves needs none.
    `local` and `ssh` start children; both block until the child is up, and raise StartError, or ChannelError if the
    context that starts it (`via`) is lost.
    """

    def __init__(self, standby=True):
        CoreRouter.__init__(self, lambda router, level, text: _log.log(level, '%s', printable.lines(text)))
        self.loop.gathers = Gathering(self.loop).begins
        self.extensions = EXTENSIONS
        self.log_level = logging.getLogger().getEffectiveLevel()
        self.responder = Responder(self)
        relay_of(self)
        self._is_closed = False
        #: {id of a context: modules that it may import because functions in them are called there}
        self._called = {}
        logsink.receive(self)
        self.add_handler(_has_no_pool, handles.CALL_SERVICE)  # until there is a pool
        if standby:
            self.loop.ensure_standby()

    # As in the base class, whose own is set; here made once the first child's program has been started: it takes 50 ms.
    @property
    def bundle(self):  # type: ignore[override]
        return bundle.packed()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    local = children.local
    ssh = children.ssh

    def allow_modules(self, *names):
        """Let contexts below import these modules (names, str), all that is in them, and what they import.

        Without it they get the modules of called functions and services, and what those import by a statement; what
        code imports by a computed name is refused, which is logged at INFO. Takes effect for those that are there too.
        """
        self.responder.allow_everyone(names)

    def deny_modules(self, *names):
        """Let no context below have these modules, nor what is in them, whatever imports them."""
        self.responder.deny_everyone(names)

    def preload(self, context, *names):
        """Send these modules, with what they import, to a context now instead of at their first import."""
        for name in names:
            self.responder.allow(context, name)
        self.responder.push(context, names)

    def calling(self, context, module):
        if module not in self._called.get(context.id, ()):
            self.responder.allow(context, module)
            if context.id == self.own_id or self.has_route(context):
                self._called.setdefault(context.id, set()).add(module)

    def gone(self, context_id, reason, tells=True):
        CoreRouter.gone(self, context_id, reason, tells)
        self._called.pop(context_id, None)
        self.relay.seals.pop(context_id, None)
        self.responder.forget(context_id)

    def add_child(self, *args):
        stream = CoreRouter.add_child(self, *args)
        stream.when_closed(lambda: self.responder.forget_link(stream))
        return stream

    def close(self):
        """End all children, and wait for their processes a while. Idempotent. In a forked copy it ends nothing."""
        if self._is_closed or self.is_fork():
            return
        self._is_closed = True
        self.shutdown()
        self.join_shutdown(LEAVE_S)
        leaving.end_children(self, LEAVE_S)
        self.loop.close()


def _has_no_pool(message):
    message.refuse('%s has no service pool: create one with svcfw.service.Pool' % message.router.name)
