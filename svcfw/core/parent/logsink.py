"""Where the log records of all contexts end: at the top of the tree. Not part of what a child starts from."""

import logging

from svcfw.core import handles
from svcfw.core.logs import MAX_NAME_CHARS, MAX_TEXT_CHARS
from svcfw.core.message import shaped
from svcfw.core.parent import printable
from svcfw.core.wire.errors import DecodeError

#: One logger for all: `logging` keeps each for good, and who is below chooses the names of contexts and of loggers.
LOGGER = 'svcfw.remote'
#: What is larger is no record: others would wait while it is decoded only to be cut.
MAX_BYTES = 4 * 1024 * 1024


def receive(router):
    """Write the records of all contexts to one logger, each after the names of its context and of its own logger.

    What they hold is not trusted: it is of plain types, cut to the same sizes here, escaped, and as much as the conduct
    of the link admits.
    """
    logger = logging.getLogger(LOGGER)

    def on_record(message):
        if message.is_dead:
            return
        if len(message.frame.payload) > MAX_BYTES:
            raise DecodeError('a log record of %d bytes' % len(message.frame.payload))
        level, name, text = shaped(message.small_value(), (int, str, str))
        level = max(0, min(level, logging.CRITICAL))  # loggers remember each level that they were asked about
        if not logger.isEnabledFor(level):
            return
        text = '%s: %s: %s' % (router.context(message.src_id), name[:MAX_NAME_CHARS], text[:MAX_TEXT_CHARS])
        conduct = router.relay and router.relay.conducts.get(router.link_for(message.src_id))
        chars = len(text) if text.isprintable() else 4 * len(text)  # as an escape may have
        if not conduct or conduct.admits(level, chars):
            logger.log(level, '%s', printable.lines(text))

    router.add_handler(on_record, handles.FORWARD_LOG)
