"""Log records of a context travel to the top of the tree. `logging` is imported where it is used: 10 ms of a start."""

from svcfw.core import handles
from svcfw.core.wire.frames import Frame

#: A longer text is cut: a log line is for reading.
MAX_TEXT_CHARS = 64 * 1024


def forward(router, level, name, text):
    """Send one record up. Lost silently when the parent is, or does not keep up: a log must not hold up its program."""
    value = (level, name, text[:MAX_TEXT_CHARS])
    router.send(Frame(0, router.own_id, router.own_id, handles.FORWARD_LOG, 0, 0, router.codec.encode(value)))


def install(router):
    """Have this process's logging go up, from `level` on. Idempotent."""
    import logging

    class Forwarder(logging.Handler):
        def emit(self, record):
            try:
                forward(router, record.levelno, record.name, self.format(record))
            except Exception:
                self.handleError(record)

    root = logging.getLogger()
    if not any(type(handler).__name__ == 'Forwarder' for handler in root.handlers):
        root.addHandler(Forwarder())
        root.setLevel(router.log_level)


def receive(router):
    """At the top: write the records of all contexts to the logger 'svcfw.remote.<context>'."""
    import logging

    def on_record(message):
        if message.is_dead:
            return
        level, name, text = message.value()
        source = router.context(message.src_id)
        logging.getLogger('svcfw.remote.%s' % source).log(int(level), '%s: %s', name, text)

    router.add_handler(on_record, handles.FORWARD_LOG)
