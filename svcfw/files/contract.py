"""The two ends of a transfer: what a content is read from, and what it is written to. Base classes of both.

A content is sent by svcfw.files.sending and received by svcfw.files.receiving, one message at a time, each time on some
thread of the pool or the loop: never by two threads at once, so neither end has a lock of its own. Implementations:

    ContentReader   disk.reader.Reader (a file), disk.reader.Content (memory), relay.spool.SpoolReader and
                    relay.contents.Kept (a content that may still be arriving)
    ContentWriter   disk.writer.Writer (a file), disk.file_object.FileObject, tree_place (a file of a folder),
                    relay.spool.Spool (a content that is relayed)

tests/unit/files/test_contract.py has each of them do the same.
"""

#: The longest run of zeros that is made at once.
_ZEROS = bytes(256 * 1024)


class ContentReader(object):
    """A content of `size` bytes, read from `offset` on. A context manager, which closes it.

    identity: of the file, as disk.reader.identity has it; None if it is no file. token: identifies this version of the
    content (bytes), by which an interrupted transfer is resumed. metadata: as of disk.reader.metadata, {} if it is no
    file. failure: why the rest cannot be read (str), or None.
    """

    identity = None
    token = b''
    metadata = {}  # type: dict
    failure = None
    size = 0
    offset = 0

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def follow(self, wake):
        """Before the first `read`: `wake()` is to be called, on any thread, once more can be read than None said.

        For a content that is complete there is nothing to do.
        """

    def read(self, n, most=0):
        """The next at most `n` bytes; an int for so many zero bytes, at most `most`; b'' at the end; None: not yet.

        Raises TransferError for a content that has changed, or whose rest will not come. Does not block for long.
        """
        raise NotImplementedError

    def skip(self, n):
        """Move on by `n` bytes."""
        self.offset += n

    def whole(self):
        """All of it (bytes), of a small one, from its beginning on; None: it has not all come. Raises as `read`."""
        raise NotImplementedError

    def digest(self):
        """The SHA-256 (bytes) of what was read and skipped, which at the end is the whole."""
        raise NotImplementedError

    def trust(self, digest):
        """Do not hash: the SHA-256 is `digest`. The caller must call `check` at the end."""

    def check(self):
        """At the end: raise TransferError if it has changed meanwhile."""

    def close(self):
        """Give everything back. Idempotent; nothing else may be called after it."""


class ContentWriter(object):
    """A content that is received; `offset`: how many bytes of it there are.

    All methods raise OSError and TransferError, after which its owner abandons it. How it is finished or abandoned is
    between the owner and the implementation.
    """

    offset = 0

    def write(self, data):
        """Append bytes (bytes-like)."""
        raise NotImplementedError

    def write_zeros(self, n):
        """Append `n` zero bytes; where it can be, a hole."""
        raise NotImplementedError

    def copy(self, fd, offset, n):
        """Append `n` bytes of another descriptor at `offset`. For writers beside an older version of the content."""
        raise NotImplementedError


def zeros(n):
    """Zero bytes in pieces, `n` in all."""
    for start in range(0, n, len(_ZEROS)):
        yield _ZEROS[: n - start]


def or_zeros(data):
    """What `ContentReader.read` returns for these bytes: their number if all are zero and that is worth it."""
    is_zero = len(data) > 64 and data == _ZEROS[: len(data)]
    return len(data) if is_zero else data
