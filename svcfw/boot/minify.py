"""Makes Python sources small for the wire while every statement keeps its line.

Comments and docstrings go, indentation becomes one space a level, spaces that separate nothing go. Lines stay where
they were: the newlines of what was taken out cost next to nothing once packed, and tracebacks from a target name the
same lines as the files here.
"""

from __future__ import annotations

import io
import token
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

_SILENT = frozenset({token.COMMENT, token.NL, token.NEWLINE, token.INDENT, token.DEDENT, token.ENDMARKER})
# Since 3.12 an f-string comes as many tokens, with blanks between them that mean something.
_FSTRING_START: int | None = getattr(token, 'FSTRING_START', None)
_FSTRING_END: int | None = getattr(token, 'FSTRING_END', None)


class _Token(NamedTuple):
    kind: int
    text: str
    first_row: int
    last_row: int
    spaced: bool
    """Was there a blank between this token and the one before it on the line?"""


def minify(source: str) -> str:
    """The same program in fewer characters. Raises SyntaxError or tokenize.TokenError for what is not Python."""
    tokens = list(_tokens(source))
    out: list[str] = []
    row, level, depth = 1, 0, 0
    previous: _Token | None = None  # the one before on the same logical line
    for index, this in enumerate(tokens):
        if this.kind == token.INDENT:
            level += 1
        elif this.kind == token.DEDENT:
            level -= 1
        elif this.kind == token.NEWLINE:
            previous = None
        if this.kind in _SILENT:
            continue
        text = _docstring_text(tokens, index) if previous is None else this.text
        if not text:
            continue
        new_line = '\\\n' if previous is not None and depth == 0 else '\n'
        out.append(new_line * (this.first_row - row))
        if previous is None:
            out.append(' ' * level)
        elif this.first_row == row and this.spaced and _must_part(previous, this):
            out.append(' ')
        out.append(text)
        row = this.first_row + text.count('\n')
        depth += (this.kind == token.OP) * ((text in '([{') - (text in ')]}'))
        previous = this
    return ''.join(out) + '\n'


def _tokens(source: str) -> Iterator[_Token]:
    """The tokens of `source`, f-strings as one token each."""
    lines = source.splitlines(keepends=True)
    fstring_depth = 0
    start = (1, 0)
    last_end = (1, 0)
    for this in tokenize.generate_tokens(io.StringIO(source).readline):
        if this.type == _FSTRING_START:
            if not fstring_depth:
                start = this.start
            fstring_depth += 1
        elif this.type == _FSTRING_END:
            fstring_depth -= 1
            if not fstring_depth:
                text = _slice(lines, start, this.end)
                yield _Token(token.STRING, text, start[0], this.end[0], start != last_end)
        elif not fstring_depth:
            yield _Token(this.type, this.string, this.start[0], this.end[0], this.start != last_end)
        if not fstring_depth:
            last_end = this.end


def _slice(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    rows = lines[start[0] - 1 : end[0]]
    rows[-1] = rows[-1][: end[1]]
    rows[0] = rows[0][start[1] :]
    return ''.join(rows)


def _docstring_text(tokens: list[_Token], index: int) -> str:
    """What becomes of the first token of a statement: '' for a docstring, '0' for one that is a whole body."""
    this = tokens[index]
    if this.kind != token.STRING or tokens[index + 1].kind != token.NEWLINE:
        return this.text
    before = index - 1
    while before >= 0 and tokens[before].kind in (token.NL, token.COMMENT):
        before -= 1
    if before >= 0 and tokens[before].kind != token.INDENT:
        return this.text
    after = index + 2
    while tokens[after].kind in (token.NL, token.COMMENT):
        after += 1
    return '0' if tokens[after].kind == token.DEDENT else ''


def _must_part(left: _Token, right: _Token) -> bool:
    """Would these two read as something else without the blank between them?"""
    if left.kind == token.NUMBER:
        return right.kind in (token.NAME, token.NUMBER) or right.text.startswith('.')
    if left.kind == token.NAME and right.kind == token.STRING:
        return right.text[0] not in '\'"'  # return b'' is not returnb''
    return left.kind == token.NAME and right.kind in (token.NAME, token.NUMBER)
