"""The multiplexer's log."""

import logging
from pathlib import Path

import pytest

from svcfw.mux.server.health import logfile
from svcfw.mux.server.health.logfile import Formatter, Handler


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


def test_a_long_log_replaces_the_one_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, 'MAX_LOG_BYTES', 10)
    handler = Handler(tmp_path / 'log')
    for text in ('the first one', 'the second one', 'short'):
        handler.emit(record(text))
    handler.close()
    assert (tmp_path / 'log').read_text() == 'short\n'
    assert (tmp_path / 'log.1').read_text() == 'the second one\n'


def test_where_it_cannot_be_renamed_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, 'MAX_LOG_BYTES', 10)
    monkeypatch.setattr(logging, 'raiseExceptions', False)
    (tmp_path / 'log.1').mkdir()
    handler = Handler(tmp_path / 'log')
    for text in ('the first one', 'the second one'):
        handler.emit(record(text))
    handler.close()
    assert (tmp_path / 'log').read_text() == 'the first one\nthe second one\n'
