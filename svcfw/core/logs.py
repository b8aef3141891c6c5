"""Log records of a context travel to the top of the tree. `logging` is imported where it is used: 10 ms of a start."""

from svcfw.core import handles
from svcfw.core.wire.frames import Frame

#: A longer text is cut: a log line is for reading.
MAX_TEXT_CHARS = 64 * 1024
MAX_NAME_CHARS = 200


def forward(router, level, name, text):
    """Send one record up. Lost silently when the parent is, or does not keep up: a log must not hold up its program."""
    stream = router.link_for(0)
    if stream is not None and not stream.is_full():
        value = (int(level), str(name)[:MAX_NAME_CHARS], str(text)[:MAX_TEXT_CHARS])
        router.send(Frame(0, router.own_id, router.own_id, handles.FORWARD_LOG, 0, 0, router.codec.encode(value)))


def install(router):
    """Have this process's logging go up, from `router.log_level` on. Idempotent."""
    if router.forwards_logging:
        return
    router.forwards_logging = True
    import logging

    class Forwarder(logging.Handler):
        def emit(self, record):
            try:
                forward(router, record.levelno, record.name, self.format(record))
            except Exception:
                self.handleError(record)

    root = logging.getLogger()
    root.addHandler(Forwarder())
    root.setLevel(router.log_level)
