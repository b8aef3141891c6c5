"""Texts that a plugin made, kept with what they mean, and found again in the command that comes back.

ansible-core asks a shell or become plugin for a command's text, may wrap it for a shell, and hands the result to the
connection. Instead of reading that text, we remember what was asked and compare whole strings: a command is one we know
only if wrapping a remembered text gives exactly it.
"""

import shlex
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

Meaning = TypeVar('Meaning')

# A text is used at once or never; a few more for actions that build several commands first.
_MAX_TEXTS = 16


class Recorded(Generic[Meaning]):
    """The last few texts with their meanings. Not for use by several threads."""

    def __init__(self, append: Callable[[str, str], str] | None) -> None:
        """`append(text, other)`: the shell plugin's append_command; core up to 2.20 adds `sleep 0` with it.

        None if it has no such method, with which nothing can have been added either.
        """
        self._append = append
        self._meanings: OrderedDict[str, Meaning] = OrderedDict()

    def put(self, text: str, meaning: Meaning) -> None:
        """Remember; a newer meaning of the same text replaces the older."""
        self._meanings.pop(text, None)
        self._meanings[text] = meaning
        if len(self._meanings) > _MAX_TEXTS:
            self._meanings.popitem(last=False)

    def forget(self, text: str) -> None:
        """Such a text no longer has a meaning."""
        self._meanings.pop(text, None)

    def find(self, cmd: str, executables: Iterable[str]) -> Meaning | None:
        """What `cmd` means: a remembered text, bare or as `executable -c` got it for one of `executables`."""
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
