"""Sends log records of a context to the root of the tree. Does not import `logging`: 10 ms of a start."""

import os
import sys

from svcfw.core import handles
from svcfw.core.wire.frames import Frame

#: Longer texts are cut.
MAX_TEXT_CHARS = 64 * 1024
MAX_NAME_CHARS = 200


def forward(router, level, name, text):
    """Send one record up. Dropped silently if the parent is lost or too slow: logging must not block the program."""
    stream = router.link_for(0)
    if stream is not None and not stream.is_full():
        value = (int(level), str(name)[:MAX_NAME_CHARS], str(text)[:MAX_TEXT_CHARS])
        router.send(Frame(0, router.own_id, router.own_id, handles.FORWARD_LOG, 0, 0, router.codec.encode(value)))


def install(router):
    """Send this process's log records up, from `router.log_level` on, once `logging` is imported. Idempotent."""
    if router.forwards_logging:
        return
    router.forwards_logging = True
    if 'logging' in sys.modules:
        _add_handler(router)
    else:
        sys.meta_path.insert(0, _AtImport(router))


class _AtImport(object):
    """A finder for `logging` only: lets the other finders find it, and adds the handler."""

    def __init__(self, router):
        self._router = router
        self._pid = os.getpid()

    def find_spec(self, fullname, path=None, target=None):
        if fullname != 'logging':
            return None
        sys.meta_path.remove(self)
        finders = [finder for finder in sys.meta_path if hasattr(finder, 'find_spec')]
        spec = next(filter(None, (finder.find_spec(fullname, path, target) for finder in finders)), None)
        if spec is not None and os.getpid() == self._pid:  # a fork must not use the link
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                _add_handler(self._router)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _add_handler(router):
    import logging  # already imported

    class Forwarder(logging.Handler):
        def emit(self, record):
            try:
                if router.is_fork():  # its stderr is the context's, and reaches the parent too
                    sys.stderr.write(self.format(record) + '\n')
                    return
                forward(router, record.levelno, record.name, self.format(record))
            except Exception:
                self.handleError(record)

    root = logging.getLogger()
    root.addHandler(Forwarder())
    root.setLevel(router.log_level)
