"""The main function of a child context: takes over its descriptors and serves.

What is above the core (services, children) is imported when an ancestor first asks for it: see OnDemand.
"""

import _signal
import _thread
import os
import sys

import svcfw
from svcfw.core import handles, load, logs
from svcfw.core.dispatch import Dispatcher, call_error
from svcfw.core.importer import Importer
from svcfw.core.message import has_parent_authority
from svcfw.core.router import Router
from svcfw.core.wire.link import Link

#: Time of an ending context for its services' `on_shutdown`, then for its last messages, and for the cleanup of a
#: running call.
LEAVE_S = 5.0


def main(config):
    """Serve as the context that `config` describes until the parent shuts it down or is lost. Does not return.

    config: dict of id (int), name (str), parents (list of int, nearest first), ids (None, or (first, last) for children
    of its own), marker (bytes, written before the first frame, so that the parent can tell frames from login output),
    log_level (int), bundle (bytes), extensions (Router.extensions). start: a module whose start(config) gives another
    (class of Importer, Link); sources: of further modules, as in the bundle's loader.
    """
    svcfw.is_target = True
    setattr(svcfw, 'Router', Router)  # noqa: B010 - the program's own does not run here; types see that one
    read_fd, write_fd = _take_stdio()
    router = Router(_forward_log, config['id'], config['parents'], config['name'])
    router.bundle = config['bundle']
    router.log_level = config['log_level']
    router.ids = config['ids']
    importer, link = load(config['start']).start(config) if 'start' in config else (Importer, Link())
    importer(router, sys.meta_path[0]).install()
    dispatcher = Dispatcher(router)
    router.extensions = config['extensions']
    for handle in router.extensions:
        OnDemand(router, handle, dispatcher.do)
    router.ended.notify = lambda _: router.loop.call_soon(lambda: _end_running_call(router.loop, dispatcher))
    stream = router.add_parent(link, read_fd, write_fd)
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
    """The context has ended while the main thread computes: no caller is left for the result, so the process ends.

    By SIGTERM, for a program that cleans up, and by force after a while.
    """
    if dispatcher.busy:
        loop.call_later(LEAVE_S, lambda: os._exit(1))
        os.kill(os.getpid(), _signal.SIGTERM)


class OnDemand(object):
    """A temporary handler for one of `router.extensions`, until the extension has its own.

    handle: of the extension; its module's start_in_child(router, [(message, time of arrival), ...]) takes over, on the
    loop thread. on_main(function): queues it for the main thread (Dispatcher.do).
    """

    def __init__(self, router, handle=handles.CALL_SERVICE, on_main=None):
        self._on_main = on_main
        self._router = router
        self._handle = handle
        self._has_begun = False
        #: (message, time of arrival) of each call.
        self._waiting = []
        router.add_handler(self._on_call, handle)
        if handle == handles.CALL_SERVICE:
            router.add_handler(self._on_cancel, handles.CANCEL_SERVICE)

    def _on_call(self, message):
        if message.is_dead:
            return
        if not has_parent_authority(message):
            what = 'pool of services' if self._handle == handles.CALL_SERVICE else 'starter of children'
            message.refuse('%s has no %s' % (self._router.name, what))
            return
        self._waiting.append((message, self._router.loop.clock()))
        if not self._has_begun:
            self._has_begun = True
            try:
                self._router.loop.ensure_standby()
                if self._on_main is None or 'threading' in sys.modules:
                    _thread.start_new_thread(self._start, ())
                else:
                    # Before 3.13 `threading` takes the thread that imports it for the main one, and fails at the end.
                    # The main thread is idle: before it runs a function it installs logging, which needs threading.
                    self._on_main(self._start)
            except Exception as e:  # e.g. the account's limit of threads
                self._give_up(call_error(e))

    def _on_cancel(self, message):
        """A caller no longer waits."""
        if not message.is_dead:
            reply_to = message.small_value()
            self._waiting = [each for each in self._waiting if not each[0].is_from(message.src_id, reply_to)]

    def _start(self):
        """Import it: the parent may have to be asked, which must not block the loop."""
        try:
            logs.install(self._router)
            module = load(self._router.extensions[self._handle])
        except Exception as e:
            failure = call_error(e)
            self._router.loop.call_soon(lambda: self._give_up(failure))
            return
        self._router.loop.call_soon(lambda: self._hand_over(module))

    def _give_up(self, failure):
        """Fail the waiting calls; the next call tries again."""
        self._has_begun = False
        waiting, self._waiting = self._waiting, []
        for message, _ in waiting:
            if self._router.closed is None:
                message.fail(failure)
            else:
                message.refuse(self._router.closed)

    def _hand_over(self, module):
        waiting, self._waiting = self._waiting, []
        try:
            module.start_in_child(self._router, waiting)
        except Exception as e:
            self._waiting = waiting
            self._give_up(call_error(e))
