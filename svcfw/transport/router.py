"""Router of a program: the top of a tree, with methods that start children."""

import logging

from svcfw.boot import bundle
from svcfw.boot.responder import Responder
from svcfw.core import logs
from svcfw.core.latch import Latch
from svcfw.core.router import Router as CoreRouter
from svcfw.core.wire.errors import TimeoutError
from svcfw.transport import connect, spec
from svcfw.transport.start import LEAVE_S, start_and_wait

_log = logging.getLogger('svcfw')


class Router(CoreRouter):
    """The top of a tree of contexts. A context manager: leaving it ends all of them.

    standby: have a spare thread do the I/O while the program computes; a program that only serves needs none.
    Children are started with `local` and `ssh`; both block until the child is up, and raise StartError.
    """

    def __init__(self, standby=True):
        CoreRouter.__init__(self, lambda router, level, text: _log.log(level, '%s', text))
        self.bundle = bundle.packed()
        self.log_level = logging.getLogger().getEffectiveLevel()
        self.responder = Responder(self)
        logs.receive(self)
        if standby:
            self.loop.ensure_standby()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def local(self, python=None, name=None, timeout_s=spec.DEFAULT_TIMEOUT_S):
        """Start a child on this machine; returns its Context. python: path of an interpreter, our own if None."""
        return self._start(spec.Spec(transport=spec.LOCAL, host='localhost', python=python, timeout_s=timeout_s), name)

    def ssh(self, hostname, username=None, port=None, password=None, name=None, **options):
        """Start a child over ssh; returns its Context.

        options: the fields of svcfw.transport.spec.Spec; `transport` chooses between the program `ssh` and paramiko.
        """
        return self._start(spec.Spec(host=hostname, user=username, port=port, password=password, **options), name)

    def _start(self, options, name):
        launch = connect.launcher(options)
        return start_and_wait(self, name or options.host, launch, options.timeout_s)

    def calling(self, context, module):
        self.responder.allow(context, module)

    def close(self):
        """End all children, waiting for them a while. Idempotent."""
        self.shutdown()
        gone = Latch(self.loop)
        streams = self.streams()
        for stream in streams:
            stream.when_closed(gone.put)
        try:
            for _ in streams:
                gone.get(LEAVE_S)
        except TimeoutError:
            self.loop.call_soon(lambda: [stream.close('it took too long to end') for stream in streams])
        self.loop.close()
