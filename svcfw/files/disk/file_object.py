"""FileObject: a file object that a content is written to."""

import hashlib

from svcfw.files.contract import ContentWriter, zeros
from svcfw.service.errors import TransferError


class FileObject(ContentWriter):
    """Writes to a file object (binary, `write`). What has been written stays after a failure.

    keeps: keep what was written as `content`, too.
    """

    def __init__(self, file, keeps=False):
        self._file = file
        self._kept = bytearray() if keeps else None
        self._hash = hashlib.sha256()
        self.offset = 0

    def write(self, data):
        self._hash.update(data)
        self._file.write(data)
        if self._kept is not None:
            self._kept += data
        self.offset += len(data)

    def write_zeros(self, n):
        for part in zeros(n):
            self.write(part)

    def content(self):
        """What has been written (bytes), if `keeps`."""
        return None if self._kept is None else bytes(self._kept)

    def check(self, digest):
        """Raise TransferError unless `digest` is the SHA-256 of what was written."""
        if self._hash.digest() != digest:
            raise TransferError('checksum mismatch. Fetch it again')
