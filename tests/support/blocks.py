"""The programs in a Markdown page, and what they are said to print."""

import re
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(r'^```(\w+)([^\n]*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)


class Program(NamedTuple):
    """`line`: where its text begins in the page; `prints`: the `text` block that follows, or None."""

    line: int
    attributes: str
    text: str
    prints: str | None


def programs(page: Path) -> list[Program]:
    """The `python` blocks of a page, in order."""
    text = page.read_text('utf-8')
    found: list[Program] = []
    for match in _BLOCK.finditer(text):
        kind, attributes, body = match.groups()
        if kind == 'python':
            found.append(Program(text.count('\n', 0, match.start()) + 2, attributes.strip(), body, None))
        elif kind == 'text' and found and found[-1].prints is None:
            found[-1] = found[-1]._replace(prints=body)
    return found
