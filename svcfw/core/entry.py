"""The main function of a child context: takes over its descriptors and serves."""

import _signal
import os
import sys

import svcfw
from svcfw.core import logs
from svcfw.core.dispatch import Dispatcher
from svcfw.core.importer import Importer
from svcfw.core.ondemand import OnDemand
from svcfw.core.router import Router
from svcfw.core.wire.link import Link

#: Time of an ending context for its services' `on_shutdown`, then for its last messages, and for the cleanup of a
#: running call.
LEAVE_S = 5.0


def main(config):
    """Serve as the context that `config` describes until the parent shuts it down or is lost. Does not return.

    config: dict of id (int), name (str), parents (list of int, nearest first), ids (None, or (first, last) for children
    of its own), marker (bytes, written before the first frame, so that the parent can tell frames from login output),
    log_level (int), bundle (bytes), extensions (Router.extensions).
    """
    svcfw.is_target = True
    setattr(svcfw, 'Router', Router)  # noqa: B010 - the program's own does not run here; types see that one
    read_fd, write_fd = _take_stdio()
    router = Router(_forward_log, config['id'], config['parents'], config['name'])
    router.bundle = config['bundle']
    router.log_level = config['log_level']
    router.ids = config['ids']
    Importer(router, sys.meta_path[0]).install()
    dispatcher = Dispatcher(router)
    router.extensions = config['extensions']
    for handle in router.extensions:
        OnDemand(router, handle, dispatcher.do)
    router.ended.notify = lambda _: router.loop.call_soon(lambda: _end_running_call(router.loop, dispatcher))
    stream = router.add_parent(Link(), read_fd, write_fd)
    stream.write_ahead(config['marker'])
    dispatcher.run()
    router.join_shutdown(LEAVE_S)
    # What the program has left running (threads, exit functions) may delay the end, but not prevent it.
    _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)
    _signal.alarm(int(LEAVE_S) + 1)
    stream.say_goodbye()
    stream.drain(LEAVE_S)
    sys.exit(0)


def _forward_log(router, level, text):
    if level >= router.log_level:
        logs.forward(router, level, 'svcfw', text)


def _take_stdio():
    """Move the link's descriptors away: programs here read nothing from fd 0, and print to the error stream.

    That output reaches the parent beside the frames, like error messages of the transport.
    """
    null = os.open(os.devnull, os.O_RDWR)  # becomes fd 2 if that is closed
    read_fd, write_fd = os.dup(0), os.dup(1)
    os.dup2(null, 0)
    if null > 2:
        os.close(null)
    os.dup2(2, 1)
    # sys.stdout was made for the link, and like sys.stderr before 3.9 buffers what is printed until the end.
    sys.stdout = sys.stderr = open(2, 'w', 1, errors='backslashreplace', closefd=False)
    return read_fd, write_fd


def _end_running_call(loop, dispatcher):
    """The context has ended while the main thread computes: nobody waits for the result, so the process ends.

    By SIGTERM, for a program that cleans up, and by force after a while.
    """
    if dispatcher.busy:
        loop.call_later(LEAVE_S, lambda: os._exit(1))
        os.kill(os.getpid(), _signal.SIGTERM)
