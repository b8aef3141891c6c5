"""Errors that are too long for a frame keep their beginning and their end."""

from svcfw.core.calls.shorten import MAX_CHARS, shortened
from svcfw.core.wire.errors import CallError


def test_one_that_fits_is_the_same() -> None:
    error = CallError('ValueError', 'x' * MAX_CHARS, '')
    assert shortened(error) is error


def test_a_long_text_says_what_is_left_out() -> None:
    text = 'begin' + 'x' * MAX_CHARS + 'end'
    short = shortened(CallError('ValueError', text, 'traceback'))
    assert short.message.startswith('begin')
    assert short.message.endswith('end')
    assert '... 8 characters left out ...' in short.message
    assert (short.typename, short.traceback) == ('ValueError', 'traceback')
