"""Parts of a child context that are above the core: each is imported when an ancestor first writes to its handle."""

import _thread
import sys

from svcfw.core import handles, load, logs
from svcfw.core.dispatch import call_error
from svcfw.core.message import has_parent_authority


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
            message.refuse('%s has no %s yet' % (self._router.name, self._router.extensions[self._handle]))
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
            message.fail(failure)

    def _hand_over(self, module):
        waiting, self._waiting = self._waiting, []
        try:
            module.start_in_child(self._router, waiting)
        except Exception as e:
            self._waiting = waiting
            self._give_up(call_error(e))
