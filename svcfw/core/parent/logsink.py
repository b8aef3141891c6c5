"""Writes the log records of all contexts, at the root of the tree. Not part of the bootstrap."""

import logging

from svcfw.core import handles
from svcfw.core.logs import MAX_NAME_CHARS, MAX_TEXT_CHARS
from svcfw.core.message import shaped
from svcfw.core.parent import printable
from svcfw.core.wire.errors import DecodeError

#: One logger for all: `logging` keeps each for ever, and descendants choose the names of contexts and of loggers.
LOGGER = 'svcfw.remote'
#: Larger records are dropped: decoding one would block the loop, only to cut it.
MAX_BYTES = 4 * 1024 * 1024


def receive(router):
    """Write the records of all contexts to one logger, each after the names of its context and of its own logger.

    Records are not trusted: types are checked, texts cut to the same sizes here and escaped, and the rate limit of the
    link applies.
    """
    logger = logging.getLogger(LOGGER)

    def on_record(message):
        if message.is_dead:
            return
        if len(message.frame.payload) > MAX_BYTES:
            raise DecodeError('a log record of %d bytes' % len(message.frame.payload))
        level, name, text = shaped(message.small_value(), (int, str, str))
        level = max(0, min(level, logging.CRITICAL))  # loggers cache each level that they were asked about
        if not logger.isEnabledFor(level):
            return
        text = '%s: %s: %s' % (router.context(message.src_id), name[:MAX_NAME_CHARS], text[:MAX_TEXT_CHARS])
        conduct = router.relay and router.relay.conducts.get(router.link_for(message.src_id))
        chars = len(text) if text.isprintable() else 4 * len(text)  # an escape has up to four
        if not conduct or conduct.admits(level, chars):
            logger.log(level, '%s', printable.lines(text))

    router.add_handler(on_record, handles.FORWARD_LOG)
