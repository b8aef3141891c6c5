"""Upload: a file that is received; the destination is unchanged until all of it has arrived and is verified.

A new file is unnamed until then (O_TMPFILE) where the system supports it, else it has a temporary name beside the
destination; its mode is that of the open, less the umask. An existing one is overwritten in place, as sftp does, so
that owner, mode, links and inode stay; by then all new content is here and space for it is reserved. What is not a
regular file is written to as data arrives.
"""

import errno
import hashlib
import os
import stat
import tempfile

from svcfw.files.disk import descriptors
from svcfw.files.disk.beside import Beside
from svcfw.files.disk.descriptors import SAFELY
from svcfw.files.disk.paths import encoded, temporary_name

_COPY_BYTES = 1024 * 1024


class Upload(object):
    """One file for `path` (str); a new one gets the permission bits `mode` less the umask.

    Each method raises OSError, or ValueError for an invalid path or content. After an error, `close` or `abandon` no
    temporary file is left.
    """

    def __init__(self, path, mode):
        self._file = None  # a new file, a Beside, which receives the data; else
        self._fd = -1  # receives them: a spool, or what is no regular file
        self._old_fd = -1  # the existing file, to be overwritten from the spool
        self._is_unnamed = False
        self._hash = hashlib.sha256()
        try:
            self._open(encoded(path), mode)
        except (OSError, ValueError):
            self.abandon()
            raise

    def write(self, data):
        """Append all of `data` (bytes)."""
        self._hash.update(data)
        try:
            descriptors.write_all(self._fd if self._file is None else self._file.fd, data)
        except OSError:
            self.abandon()
            raise

    def is_whole(self, digest):
        """Whether the SHA-256 of what was written is `digest`."""
        return self._hash.digest() == digest

    def close(self, digest):
        """Put the complete file in place. `digest`: its SHA-256.

        Raises OSError also if the system reports lack of space only now, as with a quota.
        """
        try:
            if not self.is_whole(digest):
                raise ValueError('checksum mismatch')
            if self._old_fd >= 0:
                _overwrite(self._old_fd, self._fd)
                os.close(_taken(self, '_old_fd'))
            if self._is_unnamed:
                _give_name(self._file.fd, self._file.temporary)
            if self._file is None:
                os.close(_taken(self, '_fd'))
            else:
                self._file.close()
                self._file.put_in_place()
        except (OSError, ValueError):
            self.abandon()
            raise

    def abandon(self):
        """Give up. Idempotent."""
        for name in ('_fd', '_old_fd'):
            fd = _taken(self, name)
            if fd >= 0:
                try:
                    os.close(fd)
                except OSError:
                    pass  # a quota; the upload has failed for a reason already
        if self._file is not None:
            self._file.abandon()

    def _open(self, raw, mode):
        if raw.endswith(b'/'):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        self._place = os.path.realpath(raw)
        folder = os.path.dirname(self._place)
        try:
            status = os.stat(self._place)
        except FileNotFoundError:
            fd = _unnamed(folder, mode)
            self._is_unnamed = fd >= 0
            temporary = os.path.join(folder, temporary_name())
            self._file = Beside(temporary, self._place, mode=mode, fd=fd if self._is_unnamed else None)
            return
        fd = os.open(self._place, os.O_WRONLY | SAFELY)
        if stat.S_ISREG(status.st_mode):
            self._old_fd = fd
            self._fd = _spool(folder)
        else:
            self._fd = fd


def _taken(upload, name):
    """The descriptor in attribute `name`, which the caller must close from now on."""
    fd = getattr(upload, name)
    setattr(upload, name, -1)
    return fd


def _unnamed(folder, mode):
    """A new unnamed file (O_TMPFILE), removed with its last descriptor; -1 where that is not supported."""
    try:
        fd = os.open(folder, os.O_WRONLY | os.O_TMPFILE | SAFELY, mode)
    except (AttributeError, OSError):
        return -1
    if os.path.exists(_link_of(fd)):
        return fd
    os.close(fd)
    return -1


def _give_name(fd, path):
    # The descriptor selects linkat(): link() would not follow the symlink in /proc.
    os.link(_link_of(fd), path, src_dir_fd=fd, follow_symlinks=True)


def _link_of(fd):
    return b'/proc/self/fd/%d' % fd


def _spool(folder):
    """An unnamed file: on the file system of `folder`, or where temporary files are."""
    for each in (folder, None):
        try:
            with tempfile.TemporaryFile(dir=each, buffering=0) as file:
                return os.dup(file.fileno())
        except OSError:
            if each is None:
                raise
    raise AssertionError


def _overwrite(old_fd, new_fd):
    """Replace the content of one open file by that of another. OSError for lack of space; then it is unchanged."""
    before, size = os.fstat(old_fd).st_size, os.fstat(new_fd).st_size
    try:
        if size:
            os.posix_fallocate(old_fd, 0, size)
    except OSError as e:
        os.ftruncate(old_fd, before)
        if e.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
    os.lseek(new_fd, 0, os.SEEK_SET)
    while True:
        data = os.read(new_fd, _COPY_BYTES)
        if not data:
            break
        descriptors.write_all(old_fd, data)
    os.ftruncate(old_fd, size)
