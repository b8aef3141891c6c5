"""Which modules one context may have, and what it was sent and refused. Kept by the responder, one for each context."""

from __future__ import annotations

from collections.abc import Iterable

from svcfw.boot import bundle
from svcfw.boot.imports import parents
from svcfw.boot.sources import MAX_NAME_CHARS

#: Names that a context asked for without leave, and that are sent should they be allowed later. Beyond that whatever is
#: allowed is sent.
MAX_REFUSED = 1000


class Rights:
    """called: modules that functions or services were called of there; imported: these, what the sources that were sent
    there import, and the packages of all of them (whether there are such modules or not); sent: what is there already;
    refused, forgets: what was asked for in vain, and whether there was more than is remembered.
    """

    def __init__(self) -> None:
        self.called: set[str] = set()
        self.imported: set[str] = set()
        self.sent = set(bundle.sources())
        self.refused: set[str] = set()
        self.forgets = False

    def call(self, module: str) -> None:
        self.called.add(module)
        if len(module) <= MAX_NAME_CHARS:
            self.imported.update([*parents(module), module])

    def refuse(self, name: str) -> bool:
        """Remember that this was asked for in vain; whether that is news."""
        if name in self.refused or len(name) >= MAX_NAME_CHARS:
            return False
        if len(self.refused) >= MAX_REFUSED:
            self.forgets = True
            return False
        self.refused.add(name)
        return True


class ForAll:
    """What the program allows to all contexts, and denies to all: names of modules, each with what is in it."""

    def __init__(self) -> None:
        self._allowed: set[str] = set()
        self._denied: set[str] = set()

    def allow(self, names: Iterable[str]) -> None:
        self._denied.difference_update(names)
        self._allowed.update(names)

    def deny(self, names: Iterable[str]) -> None:
        self._denied.update(names)

    def allows(self, name: str) -> bool:
        """Whether a module was named, or is in what was, or leads to it."""
        if not self._allowed:
            return False
        return bool(self._allowed.intersection([*parents(name), name])) or any(
            each.startswith(name + '.') for each in list(self._allowed)
        )

    def denies(self, name: str) -> bool:
        return bool(self._denied) and bool(self._denied.intersection([*parents(name), name]))
