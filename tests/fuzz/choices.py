"""Choices: what a fuzzer's bytes decide, so that it reaches past the decoders with values that are nearly right."""

from collections.abc import Sequence
from typing import Any

from svcfw.agent import ops
from svcfw.files.messages import tree_parts
from svcfw.mux import protocol

#: Texts that mean something to those who read values.
WORDS: tuple[Any, ...] = (
    *sorted(value for name, value in vars(ops).items() if name.isupper() and type(value) is str),
    protocol.FACTS, protocol.RESET, protocol.SUMMARY, protocol.HOST_OUT, protocol.LARGE, protocol.PUT_WHOLE,
    protocol.PUT_PART, tree_parts.FILE, tree_parts.FILES, tree_parts.FILE_END, tree_parts.MANIFEST,
    'data', 'packed', 'zeros', 'copy', 'svcfw.core.router', 'svcfw.service.pool', 'home', 'user', 'uid', 'python',
    'version', 'shell', '', '/x', '..', '~',
)  # fmt: skip
_MAX_DEPTH, _MAX_ITEMS = 4, 12


class Choices:
    """Takes bytes off the front; zeros once there are none left."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, n: int) -> bytes:
        taken = self._data[self._at : self._at + n]
        self._at += n
        return taken

    def byte(self) -> int:
        return int.from_bytes(self.take(1), 'big')

    def number(self) -> int:
        """Any, most of them small, some at the borders of the wire's fields."""
        kind = self.byte()
        if kind < 128:
            return kind
        return int.from_bytes(self.take(1 + kind % 9), 'big', signed=kind & 1 == 1)

    def of(self, values: Sequence[Any]) -> Any:
        return values[self.byte() % len(values)]

    def bytes(self) -> bytes:
        return self.take(self.number() % 4096)

    def pieces(self) -> 'list[bytes]':
        """All that is left, cut in pieces."""
        found = []
        while self:
            found.append(self.take(1 + self.number() % 4096))
        return [piece for piece in found if piece]

    def value(self, depth: int = 0) -> Any:
        """Of a type that the wire has."""
        kind = self.byte() % (12 if depth < _MAX_DEPTH else 7)
        if kind < 3:
            return (None, False, True)[kind]
        if kind == 3:
            return self.number()
        if kind == 4:
            return self.bytes()
        if kind == 5:
            return self.of(WORDS)
        if kind == 6:
            return self.bytes().decode('utf-8', 'surrogateescape')
        items = [self.value(depth + 1) for _ in range(self.byte() % _MAX_ITEMS)]
        if kind < 10:
            return tuple(items)
        if kind == 10:
            return items
        return {key: item for key, item in zip(items[::2], items[1::2], strict=False) if type(key) in (str, int, bytes)}
