"""Listing: the manifest of a folder as one content, which relays keep and compare with. No I/O."""

import hashlib
import struct

from svcfw.files import manifest
from svcfw.service.errors import ManifestError

#: Entries in one part: as many as a receiver compares in one go.
PART_ENTRIES = 500
_LENGTH = struct.Struct('>I')


class Listing(object):
    """Parts as of svcfw.files.manifest; entries are numbered through all of them. Not changed once it is packed.

    parts: [(part, numbers of the regular files in it)]; files: {number: (size, SHA-256)}; total: bytes of all of them.
    """

    def __init__(self):
        self.parts = []
        self.files = {}
        self.total = 0
        self._count = 0
        self._content = None

    def add(self, part, entries):
        """Append a part (bytes) that holds `entries`."""
        numbers = []
        for number, entry in enumerate(entries, self._count):
            if entry.kind == manifest.FILE:
                numbers.append(number)
                self.files[number] = entry.size, entry.digest
                self.total += entry.size
        self.parts.append((part, numbers))
        self._count += len(entries)

    def pack(self):
        """(content, its SHA-256), both bytes."""
        if self._content is None:
            content = b''.join([_LENGTH.pack(len(part)) + part for part, _ in self.parts])
            self._content = content, hashlib.sha256(content).digest()
        return self._content

    @classmethod
    def unpack(cls, content):
        """Inverse of `pack`. ManifestError."""
        listing = cls()
        unpacker = manifest.Unpacker()
        offset = 0
        while offset < len(content):
            try:
                (length,) = _LENGTH.unpack_from(content, offset)
            except struct.error as e:
                raise ManifestError('it does not end where its last part does') from e
            offset += _LENGTH.size + length
            part = content[offset - length : offset]
            listing.add(part, unpacker.unpack(part))
        return listing
