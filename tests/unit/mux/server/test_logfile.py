"""The multiplexer's log."""

import logging

from svcfw.mux.server.logfile import Formatter


def record(text: str, exc_info: object = None) -> logging.LogRecord:
    return logging.LogRecord('svcfw.mux', logging.WARNING, '', 0, '%s', (text,), exc_info)  # type: ignore[arg-type]


def formatted(made: logging.LogRecord) -> str:
    return Formatter('%(levelname)s %(name)s: %(message)s').format(made)


def test_no_text_looks_like_another_record() -> None:
    text = 'evil: so\r\nERROR svcfw.mux: forged\x1b[1A'
    assert formatted(record(text)) == 'WARNING svcfw.mux: evil: so\n  | ERROR svcfw.mux: forged\\x1b[1A'


def test_tracebacks_are_whole_and_their_lines_marked() -> None:
    try:
        raise ValueError('so\nERROR forged')
    except ValueError as exc:
        lines = formatted(record('failed', (ValueError, exc, exc.__traceback__))).splitlines()
    assert lines[1] == '  | Traceback (most recent call last):'
    assert lines[-2:] == ['  | ValueError: so', '  | ERROR forged']
