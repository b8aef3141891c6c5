"""Minifies sources of svcfw for the wire; every statement keeps its line.

Removes comments, docstrings and spaces that separate nothing; indents by one space a level. Newlines of removed text
stay: they cost next to nothing once packed, and tracebacks from a target have the line numbers of the files here.
One regular expression scans the source, because every program that starts contexts waits for this: `tokenize` takes
four times as long. It knows the syntax of the floor for targets, where an f-string contains no quotes of its own kind.
"""

from __future__ import annotations

import functools
import re

# Each piece begins with one of a few characters, which are found much faster than one of several alternatives.
_PIECE = r"""
    [\n"'\#\\ \t\f()\[\]{}]
    (?: (?P<line> (?<= \n ) [ \t]* (?= [^\s\#] ) )
    | (?P<string> (?<= " ) (?: "" (?: [^\\] | \\. )*? \"{3} | (?: [^"\\\n] | \\. )* " )
                | (?<= ' ) (?: '' (?: [^\\] | \\. )*? '{3} | (?: [^'\\\n] | \\. )* ' ) )
    | (?P<comment> (?<= \# ) [^\n]* )
    | (?P<join> (?<= \\ ) \n [ \t]* )
    | (?P<blank> (?<= [ \t\f] ) (?! (?<= \w[ ] ) \w ) [ \t\f]* )
    | (?P<open> (?<= [(\[{] ) )
    | (?P<close> (?<= [)\]}] ) ) )
"""
_EMPTY_LINES = re.compile(r'(?:[ \t]*(?:#[^\n]*)?\n)*([ \t]*)')
_REST_OF_LINE = re.compile(r'[ \t]*(?:#[^\n]*)?(?:\n|\Z)')


@functools.cache
def _pieces() -> re.Pattern[str]:
    """Compiled when it is needed, which takes 5 ms: logins begin before."""
    return re.compile(_PIECE, re.VERBOSE | re.DOTALL)


def minify(source: str) -> str:
    """The same program in fewer characters, for a source in the style of this project."""
    source = '\n' + source
    out: list[str] = []
    indents = [0]
    depth = done = 0
    last = ''  # the last significant character, '' before the first
    starts_line = False
    for piece in _pieces().finditer(source):
        between = source[done : piece.start()]
        if between:
            out.append(between)
            last = between.rstrip('\n')[-1:] or last
            starts_line = False
        done = piece.end()
        kind, text = piece.lastgroup, piece.group()
        if kind == 'line':
            text = '\n' if depth else '\n' + _indentation(indents, len(text) - 1)
            starts_line = not depth
        elif kind == 'blank':
            text = ' ' if _must_part(out[-1][-1:] if out else '', source[done : done + 1]) else ''
        elif kind == 'comment':
            text = ''
        elif kind == 'join':
            text = '\\\n'
        elif kind == 'string' and starts_line and last in ('', ':') and _REST_OF_LINE.match(source, done):
            instead = _instead_of_docstring(source, done, indents[-1])
            if not instead:
                out[-1] = '\n'  # without its indentation
            text = instead + '\n' * text.count('\n')
            starts_line = False
        else:
            depth += (kind == 'open') - (kind == 'close')
            last = text[-1]
            starts_line = False
        if text:
            out.append(text)
    return ''.join(out)[1:] + source[done:].rstrip('\n') + '\n'


def _indentation(indents: list[int], width: int) -> str:
    """One space for each level of a logical line's indentation; `indents` holds the widths of open levels."""
    while width < indents[-1]:
        indents.pop()
    if width > indents[-1]:
        indents.append(width)
    return ' ' * (len(indents) - 1)


def _instead_of_docstring(source: str, end: int, width: int) -> str:
    """'0' for a docstring that is a whole body, because a body must not be empty; `width` is its indentation."""
    rest = _EMPTY_LINES.match(source, source.find('\n', end) + 1 or len(source))
    goes_on = rest is not None and rest.end() < len(source) and len(rest.group(1)) >= width
    return '' if goes_on or not width else '0'


def _must_part(left: str, right: str) -> bool:
    """Whether these two characters need the blank between them."""
    if right in '\n#':
        return False  # includes the end
    if _is_word(left):
        return _is_word(right) or (left.isdigit() and right == '.')
    return left in '\'"' and right in '\'"' and left != ''


def _is_word(character: str) -> bool:
    return character.isalnum() or character == '_'
