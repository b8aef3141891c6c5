"""What modules consist of, by content: kept so that workers hand over each zip once."""

from collections.abc import Iterable

#: More is forgotten as a whole; the modules of one ansible-core are some 5 MB.
MAX_BYTES = 128 * 1024 * 1024
#: What naming one member in one zip costs, about: zips whose members are all known take room as well.
ENTRY_BYTES = 256

#: Name in the zip, SHA-256 of the content, content.
Member = tuple[str, bytes, bytes]


class Store:
    """Members of known zips. Loop thread only."""

    def __init__(self) -> None:
        self._zips: dict[str, list[Member]] = {}
        self._contents: dict[bytes, bytes] = {}
        self._bytes = 0

    def add(self, zip_id: str, members: Iterable[Member]) -> None:
        """Keep a zip's members."""
        if self._bytes > MAX_BYTES:
            self._zips.clear()
            self._contents.clear()
            self._bytes = 0
        listed = []
        for name, digest, content in members:
            if digest not in self._contents:
                self._contents[digest] = content
                self._bytes += len(content)
            self._bytes += ENTRY_BYTES
            listed.append((name, digest, self._contents[digest]))
        self._zips[zip_id] = listed

    def members(self, zip_id: str) -> list[Member] | None:
        """The members of a zip, None for an unknown one. What was given out stays whole whatever is forgotten."""
        return self._zips.get(zip_id)
