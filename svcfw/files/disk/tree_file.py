"""TreeFile: one file of a Destination while it is written."""

import os
from hashlib import sha256

from svcfw.files.disk import descriptors
from svcfw.files.disk.beside import Beside
from svcfw.files.disk.paths import decoded, encoded, temporary_name
from svcfw.service.errors import TransferError


class TreeFile(object):
    """`write` the content, then `finish`; or `abandon`. Made by Destination.open.

    name: of the entry; fd: the temporary file, for callers that write to it directly.

    Any method raises TransferError, after which the file has been abandoned and what was there before is unchanged.
    """

    __slots__ = (
        '_entry',
        '_file',
        '_folder',
        '_found',
        '_metadata',
        '_on_over',
        '_path',
        '_written',
        'name',
    )

    def __init__(self, path, entry, folder, name, metadata, in_place, on_over):
        """path: of the Destination, for messages; folder, name: the place of `entry`; metadata: a Metadata.

        in_place: the folder is still hidden, so the file needs no temporary name.
        on_over(incoming, is_done) is called once. Raises OSError.
        """
        self._path = path
        self._entry = entry
        self.name = entry.name
        self._metadata = metadata
        self._on_over = on_over
        self._found = sha256()
        self._written = 0
        self._folder = os.dup(folder)  # the Destination may close its own descriptor meanwhile
        mode = 0o600 if entry.mode is not None else 0o666
        try:
            self._file = Beside(name if in_place else temporary_name(), name, self._folder, mode)
        except BaseException:
            os.close(self._folder)
            raise

    @property
    def fd(self):
        return self._file.fd

    def write(self, data):
        """Append bytes-like."""
        self._written += len(data)
        if self._written > self._entry.size:
            self._give_up('larger than its size in the manifest')
        self._found.update(data)
        try:
            descriptors.write_all(self.fd, data)
        except OSError as e:
            self._give_up(e)

    def finish(self, is_verified=False):
        """The content is complete: verify it, set the metadata, rename the file.

        is_verified: the caller wrote to `fd` and verified the digest.
        """
        entry = self._entry
        try:
            if is_verified:
                is_right = os.fstat(self.fd).st_size == entry.size
            else:
                is_right = self._written == entry.size and self._found.digest() == entry.digest
            if is_right:
                self._metadata.apply(self.fd, entry)
                self._file.put_in_place()
        except OSError as e:
            self._give_up(e)
        if not is_right:
            self._give_up('checksum mismatch')
        self._end(is_done=True)

    def abandon(self):
        """Remove the temporary file. Idempotent; no-op after `finish`."""
        if self.fd >= 0:
            self._end(is_done=False)

    def _give_up(self, reason):
        self.abandon()
        raise unwritable(self._path, self._entry.name, reason)

    def _end(self, is_done):
        self._file.abandon()  # unless it is in its place
        os.close(self._folder)
        self._on_over(self, is_done)


def unwritable(root, name, reason):
    """The TransferError for `name` (str) in the folder `root` (bytes); reason: OSError or text."""
    path = os.path.join(root, encoded(name)) if name else root
    return TransferError('%s cannot be written: %s' % (decoded(path), getattr(reason, 'strerror', None) or reason))
