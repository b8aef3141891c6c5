"""Members of modules, by content: kept so that workers send each zip once.

A zip's member list, the encoded list of (name, digest) of its members, is stored and sent as one more content.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from svcfw.core.wire.codec import Codec

#: At this size everything is dropped; the modules of one ansible-core are some 5 MB.
MAX_BYTES = 128 * 1024 * 1024
#: Approximate cost of one name in one zip: zips without new members take memory as well.
ENTRY_BYTES = 256

#: Name in the zip, SHA-256 of the content, content.
Member = tuple[str, bytes, bytes]
#: SHA-256 of the content, content.
Content = tuple[bytes, bytes]


class Zip(NamedTuple):
    """`member_list`: its digest; `contents`: all that a target needs to run the zip, the member list first.

    is_core: whether the client has found all its members to be core's own (audited.py).
    """

    member_list: bytes
    contents: list[Content]
    is_core: bool


class ModuleZips:
    """Members of known zips. Loop thread only."""

    def __init__(self) -> None:
        self._zips: dict[str, Zip] = {}
        self._contents: dict[bytes, bytes] = {}
        self._bytes = 0

    def add(self, zip_id: str, members: Iterable[Member], is_core: bool = False) -> None:
        """Keep a zip's members."""
        if self._bytes > MAX_BYTES:
            self._zips.clear()
            self._contents.clear()
            self._bytes = 0
        members = list(members)
        member_list = Codec().encode([(name, digest) for name, digest, _ in members])
        named = [
            (hashlib.sha256(member_list).digest(), member_list),
            *((digest, content) for _, digest, content in members),
        ]
        contents = []
        for digest, content in named:
            if digest not in self._contents:
                self._contents[digest] = content
                self._bytes += len(content)
            self._bytes += ENTRY_BYTES
            contents.append((digest, self._contents[digest]))
        self._zips[zip_id] = Zip(contents[0][0], contents, is_core)

    def find(self, zip_id: str) -> Zip | None:
        """A zip, or None if unknown. It stays complete whatever is dropped later."""
        return self._zips.get(zip_id)
