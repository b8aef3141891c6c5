"""Texts of others, in a log or an error."""

import pytest

from svcfw.core.parent import printable


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('plain, tëxt 😀', 'plain, tëxt 😀'),
        ('a\nb', 'a\\nb'),
        ('\x1b[2Ja\r\0\x7f', '\\x1b[2Ja\\r\\x00\\x7f'),
        ('\x9b31m', '\\x9b31m'),
        ('\u202eevil\u2028', '\\u202eevil\\u2028'),
        ('\udcff', '\\udcff'),
    ],
)
def test_one_line(text: str, shown: str) -> None:
    assert printable.line(text) == shown


def test_further_lines_are_marked() -> None:
    text = 'first\tcolumn\r\n2026-01-01 ERROR svcfw.mux: forged\x1b\n\nlast\n'
    shown = printable.lines(text)
    assert shown == 'first\tcolumn\n  | 2026-01-01 ERROR svcfw.mux: forged\\x1b\n  | \n  | last'
    assert printable.lines(shown) == shown


@pytest.mark.parametrize('end', ['\r', '\x0b', '\x0c', '\x1c', '\x85', '\u2028', '\u2029'])
def test_what_else_may_end_a_line_is_escaped(end: str) -> None:
    assert len(printable.lines(f'a{end}b').splitlines()) == 1
