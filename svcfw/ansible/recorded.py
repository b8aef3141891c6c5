"""Recorded: command texts with their meanings, looked up when the command comes back.

ansible-core asks a shell or become plugin for a command's text, may wrap it for a shell, and passes the result to the
connection. Instead of parsing that text, we record what was asked and compare whole strings: a command is known only if
wrapping a recorded text gives exactly it.
"""

import shlex
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

Meaning = TypeVar('Meaning')

# A text is used at once or never; a few more for actions that build several commands first.
_MAX_TEXTS = 16


class Recorded(Generic[Meaning]):
    """The last few texts with their meanings. Not thread-safe."""

    def __init__(self, append: Callable[[str, str], str] | None) -> None:
        """`append(text, other)`: the shell plugin's append_command, by which core up to 2.20 adds `sleep 0`.

        None if it has no such method; then nothing was added either.
        """
        self._append = append
        self._meanings: OrderedDict[str, Meaning] = OrderedDict()

    def put(self, text: str, meaning: Meaning) -> None:
        """Record a text; a newer meaning replaces the older one."""
        self._meanings.pop(text, None)
        self._meanings[text] = meaning
        if len(self._meanings) > _MAX_TEXTS:
            self._meanings.popitem(last=False)

    def forget(self, text: str) -> None:
        """Remove a text."""
        self._meanings.pop(text, None)

    def find(self, cmd: str, executables: Iterable[str]) -> Meaning | None:
        """The meaning of `cmd`: a recorded text, bare or quoted after `executable -c` for one of `executables`."""
        if cmd in self._meanings:
            return self._meanings[cmd]
        prefixes = tuple({f'{executable} -c ' for executable in executables if executable})
        for text in reversed(self._meanings):
            for form in self._forms(text):
                quoted = shlex.quote(form)
                if cmd.endswith(quoted) and cmd[: -len(quoted)] in prefixes:
                    return self._meanings[text]
        return None

    def _forms(self, text: str) -> Iterator[str]:
        yield text
        if self._append is not None:
            yield self._append(text, 'sleep 0')
