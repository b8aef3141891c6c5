"""Upload: a file on its way here. What was at its place stays until all of it has come and was found to be right.

A new file has no name until then, where the system can do that, and otherwise one beside its place. One that is there
is overwritten where it is, as sftp does it, so that its owner, mode, links and inode stay; before the first byte of it
is changed, all of the new content is here, and room for it is reserved. What is no regular file is written into as the
data comes.
"""

import errno
import hashlib
import os
import stat
import tempfile

from svcfw.files.disk import descriptors
from svcfw.files.disk.descriptors import SAFELY
from svcfw.files.disk.paths import encoded, temporary_name

_COPY_BYTES = 1024 * 1024


class Upload(object):
    """One file for `path` (str); a new one gets the permission bits `mode`, under the umask.

    Each method raises OSError, or ValueError for a path or content that is wrong. After an error, `close` or `abandon`
    nothing is left of it but the file itself.
    """

    def __init__(self, path, mode):
        self._fd = -1  # where the data goes
        self._old_fd = -1  # the file that is there, to be overwritten
        self._temporary = None
        self._is_unnamed = False
        self._hash = hashlib.sha256()
        try:
            self._open(encoded(path), mode)
        except (OSError, ValueError):
            self.abandon()
            raise

    def write(self, data):
        """Add all of `data` (bytes)."""
        self._hash.update(data)
        try:
            descriptors.write_all(self._fd, data)
        except OSError:
            self.abandon()
            raise

    def is_whole(self, digest):
        """Whether what was written has this SHA-256."""
        return self._hash.digest() == digest

    def close(self, digest):
        """All has come: put it in its place. `digest`: its SHA-256.

        OSError also if the system finds only now that there was no room, as with a quota.
        """
        try:
            if not self.is_whole(digest):
                raise ValueError('its content did not arrive as it was sent')
            if self._old_fd >= 0:
                _overwrite(self._old_fd, self._fd)
                os.close(_taken(self, '_old_fd'))
            if self._is_unnamed:
                _give_name(self._fd, self._temporary)
            os.close(_taken(self, '_fd'))
            if self._temporary is not None:
                os.rename(self._temporary, self._place)
                self._temporary = None
        except (OSError, ValueError):
            self.abandon()
            raise

    def abandon(self):
        """It will not come. Idempotent."""
        for name in ('_fd', '_old_fd'):
            fd = _taken(self, name)
            if fd >= 0:
                try:
                    os.close(fd)
                except OSError:
                    pass  # a quota: there is a reason for giving up already
        temporary, self._temporary = self._temporary, None
        if temporary is not None:
            descriptors.unlink(temporary)

    def _open(self, raw, mode):
        if raw.endswith(b'/'):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        self._place = os.path.realpath(raw)
        folder = os.path.dirname(self._place)
        try:
            status = os.stat(self._place)
        except FileNotFoundError:
            temporary = os.path.join(folder, temporary_name())
            self._fd = _unnamed(folder, mode)
            self._is_unnamed = self._fd >= 0
            if not self._is_unnamed:
                self._fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFELY, mode)
            self._temporary = temporary
            return
        fd = os.open(self._place, os.O_WRONLY | SAFELY)
        if stat.S_ISREG(status.st_mode):
            self._old_fd = fd
            self._fd = _spool(folder)
        else:
            self._fd = fd


def _taken(upload, name):
    """The descriptor that is kept by this name, which from now on is the caller's to close."""
    fd = getattr(upload, name)
    setattr(upload, name, -1)
    return fd


def _unnamed(folder, mode):
    """A new file without a name, which goes with its last descriptor; -1 where there is no such thing."""
    try:
        fd = os.open(folder, os.O_WRONLY | os.O_TMPFILE | SAFELY, mode)
    except (AttributeError, OSError):
        return -1
    if os.path.exists(_link_of(fd)):
        return fd
    os.close(fd)
    return -1


def _give_name(fd, path):
    # The descriptor given is of no consequence but for the call that is made: link() would not follow.
    os.link(_link_of(fd), path, src_dir_fd=fd, follow_symlinks=True)


def _link_of(fd):
    return b'/proc/self/fd/%d' % fd


def _spool(folder):
    """A file without a name: on the file system of the one that it is for, or where temporary files are."""
    for each in (folder, None):
        try:
            with tempfile.TemporaryFile(dir=each, buffering=0) as file:
                return os.dup(file.fileno())
        except OSError:
            if each is None:
                raise
    raise AssertionError


def _overwrite(old_fd, new_fd):
    """Replace the content of one open file by that of another. OSError for want of room, and it is as it was."""
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
