"""Escapes foreign text for logs and errors, so that it cannot control a terminal or look like our own.

Characters are escaped (an ESC becomes \\x1b), and each line but the first begins with MARK. So nobody can forge a
record. Not part of the bootstrap.
"""

MARK = '  | '


class _Escapes(dict):
    """For str.translate: the replacement of each character, made on first use, and cached if it is a usual one."""

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
    """The text with its lines, each but the first marked. Idempotent."""
    if text.isprintable():
        return text
    first, *others = text.rstrip('\n').replace('\r\n', '\n').split('\n')
    return '\n'.join([_line(first)] + [_line(other if other.startswith(MARK) else MARK + other) for other in others])


def _line(text):
    return '\t'.join(map(line, text.split('\t')))
