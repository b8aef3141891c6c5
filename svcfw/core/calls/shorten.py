"""Shortens errors that are too long for a frame."""

from svcfw.core.wire.errors import CallError

#: Length kept of each text of an error, its beginning and its end.
MAX_CHARS = 4 * 1024 * 1024


def shortened(failure):
    """A CallError with texts that fit; the same one if they do."""
    texts = failure.typename, failure.message, failure.traceback
    if max(map(len, texts)) <= MAX_CHARS:
        return failure
    return CallError(*map(_shortened, texts))


def _shortened(text):
    if len(text) <= MAX_CHARS:
        return text
    half = MAX_CHARS // 2
    return '%s\n... %d characters left out ...\n%s' % (text[:half], len(text) - 2 * half, text[-half:])
