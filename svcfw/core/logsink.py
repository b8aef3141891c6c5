"""Where the log records of all contexts end: at the top of the tree. Not part of what a child starts from."""

import logging

from svcfw.core import handles
from svcfw.core.logs import MAX_NAME_CHARS, MAX_TEXT_CHARS
from svcfw.core.message import shaped


def receive(router):
    """Write the records of all contexts to the logger 'svcfw.remote.<context>'. What they hold is not trusted: they are
    of plain types and cut to the same sizes here.
    """

    def on_record(message):
        if message.is_dead:
            return
        level, name, text = shaped(message.value(), (int, str, str))
        logger = logging.getLogger('svcfw.remote.%s' % router.context(message.src_id))
        logger.log(min(level, logging.CRITICAL), '%s: %s', name[:MAX_NAME_CHARS], text[:MAX_TEXT_CHARS])

    router.add_handler(on_record, handles.FORWARD_LOG)
