"""Where TreeParts takes entries and contents from: a folder, or files that lie anywhere."""

import hashlib
import os

from svcfw.files.disk.descriptors import FOLDER
from svcfw.files.disk.paths import encoded
from svcfw.files.disk.reader import Reader
from svcfw.files.disk.tree import Folders, scan
from svcfw.files.manifest import DIRECTORY, FILE, Entry
from svcfw.service.errors import TransferError

#: A file up to this size is read once, when its entry is made, and sent with others in one message.
SMALL_BYTES = 8 * 1024


class FolderSource(object):
    """The folder `root` (str or bytes); follow: copy what symlinks point to. OSError if it cannot be opened."""

    def __init__(self, root, follow):
        self._root = root
        self._follow = follow
        self._folders = Folders(os.open(encoded(root), FOLDER), follow)

    def entries(self):
        """Yields Entry in the order of a manifest; small files have their content. TransferError."""
        return scan(self._root, self._follow, SMALL_BYTES)

    def open(self, entry):
        """A Reader of a file. TransferError, OSError."""
        folder, _, name = encoded(entry.name).rpartition(b'/')
        reader = Reader(name, self._follow, self._folders.get(folder))
        reader.path = '%s/%s' % (self._root, entry.name)
        return reader

    def close(self):
        self._folders.close()


class FilesSource(object):
    """Files as members of a folder, in which each has the name `name_of(its number)`.

    paths: list of str; open_path(path): a Reader, or raises TransferError; transfers: remembers digests. As for
    FolderSource.
    """

    def __init__(self, paths, open_path, transfers):
        self._paths = paths
        self._open = open_path
        self._transfers = transfers
        #: {digest: content}: whoever asks for one file a thousand times does not make us hold it as often.
        self._contents = {}

    def entries(self):
        yield Entry('', DIRECTORY, 0, 0o700, 0, 0)
        for number, path in enumerate(self._paths):
            with self._reader(path) as reader:
                entry = Entry(
                    name_of(number), FILE, reader.size, reader.metadata['mode'], reader.metadata['mtime_ns'], 0
                )
                if reader.size <= SMALL_BYTES:
                    content = reader.whole()
                    entry.digest = hashlib.sha256(content).digest()
                    entry.content = self._contents.setdefault(entry.digest, content)
                else:
                    with self._transfers.alone(reader.token):  # many may ask for a large one at once
                        entry.digest = self._transfers.digest(reader)
            yield entry

    def open(self, entry):
        return self._reader(self._paths[int(entry.name)])

    def close(self):
        pass

    def _reader(self, path):
        try:
            return self._open(path)
        except TransferError as e:
            raise TransferError('%s: %s' % (path, e))


def name_of(number):
    """The name of a file of a FilesSource (str): as many digits as keep names in the order of their numbers."""
    return '%07d' % number
