"""What modules consist of, by content: kept so that workers hand over each zip once."""

from collections.abc import Iterable

#: More is forgotten as a whole; the modules of one ansible-core are some 5 MB.
MAX_BYTES = 128 * 1024 * 1024

#: (name in the zip, SHA-256 of the content)
Member = tuple[str, bytes]


class Store:
    """Members of known zips. Loop thread only."""

    def __init__(self) -> None:
        self._zips: dict[str, list[Member]] = {}
        self._contents: dict[bytes, bytes] = {}
        self._bytes = 0

    def add(self, zip_id: str, members: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Keep a zip's members (name, digest, content)."""
        if self._bytes > MAX_BYTES:
            self.__init__()  # type: ignore[misc]
        listed = []
        for name, digest, content in members:
            listed.append((name, digest))
            if digest not in self._contents:
                self._contents[digest] = content
                self._bytes += len(content)
        self._zips[zip_id] = listed

    def members(self, zip_id: str) -> list[Member] | None:
        """The members of a zip, None for an unknown one."""
        return self._zips.get(zip_id)

    def content(self, digest: bytes) -> bytes:
        return self._contents[digest]
