"""Fakes of the two ends of a transfer (svcfw.files.contract)."""

import hashlib
from collections.abc import Callable

from svcfw.files.contract import ContentReader, ContentWriter
from svcfw.service.errors import TransferError


class FakeReader(ContentReader):
    """A content of which `arrive` says how much has come: all of it, unless told otherwise."""

    token = b'fake'

    def __init__(self, content: bytes, arrived: int | None = None) -> None:
        self._content = content
        self._arrived = len(content) if arrived is None else arrived
        self._wake: Callable[[], object] = lambda: None
        self._is_waited_for = False
        self.size = len(content)
        self.closed = 0
        self.checked = 0

    def follow(self, wake: Callable[[], object]) -> None:
        self._wake = wake

    def arrive(self, n: int) -> None:
        """More has come: `n` bytes in all."""
        self._arrived = n
        if self._is_waited_for:
            self._is_waited_for = False
            self._wake()

    def read(self, n: int, most: int = 0) -> bytes | None:
        data = self._content[self.offset : min(self._arrived, self.offset + n)]
        if not data and self.offset < self.size:
            if self.failure is not None:
                raise TransferError(self.failure)
            self._is_waited_for = True
            return None
        self.offset += len(data)
        return data

    def whole(self) -> bytes | None:
        return self._content if self._arrived == self.size else None

    def digest(self) -> bytes:
        return hashlib.sha256(self._content).digest()

    def check(self) -> None:
        self.checked += 1

    def close(self) -> None:
        self.closed += 1


class FakeWriter(ContentWriter):
    """Keeps what is written; `error` is raised instead."""

    def __init__(self) -> None:
        self.content = b''
        self.error: Exception | None = None

    @property
    def offset(self) -> int:  # type: ignore[override]
        return len(self.content)

    def write(self, data: bytes) -> None:
        if self.error is not None:
            raise self.error
        self.content += bytes(data)

    def write_zeros(self, n: int) -> None:
        self.write(bytes(n))
