"""Texts of others as they may stand in a log or an error: nothing in them acts on a terminal, or looks like our own.

What others say is escaped (an ESC becomes \\x1b) and, where it has more than one line, marked: each line but the first
begins with MARK. So nobody can forge a record. Not part of what a child starts from.
"""

MARK = '  | '


class _Escapes(dict):
    """For str.translate: what stands for each character, made when it first comes, and kept if it is a usual one."""

    def __missing__(self, code):
        char = chr(code)
        shown = char if char.isprintable() else ascii(char)[1:-1]
        if code < 0x3000:
            self[code] = shown
        return shown


_ESCAPES = _Escapes()


def line(text):
    """The text as one line."""
    return text if text.isprintable() else text.translate(_ESCAPES)


def lines(text):
    """The text with its lines, the first of them as it is. Idempotent."""
    if text.isprintable():
        return text
    first, *others = text.rstrip('\n').replace('\r\n', '\n').split('\n')
    return '\n'.join([_line(first)] + [_line(other if other.startswith(MARK) else MARK + other) for other in others])


def _line(text):
    return '\t'.join(map(line, text.split('\t')))
