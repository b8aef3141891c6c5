"""A file that both ends of a transfer can reach: the receiver copies it itself, which no link has to carry.

Both ends have to run on one kernel, on which device and inode number name one file; in containers as well, if it is
mounted there. Linux only: elsewhere files are sent.
"""

import errno
import os

from svcfw.files.disk import descriptors
from svcfw.files.disk.paths import encoded
from svcfw.files.disk.reader import identity

#: Differs for each boot of each machine.
_BOOT_ID = '/proc/sys/kernel/random/boot_id'
#: Bytes that the kernel copies in one call.
_CALL_BYTES = 16 * 1024 * 1024
#: What a kernel says that cannot copy between these two file systems.
_NOT_HERE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def named(source):
    """How another context on this machine finds the file of a Reader: (path, identity, boot id); None if it cannot."""
    boot_id = _boot_id()
    return (os.path.abspath(source.path), source.identity, boot_id) if boot_id and source.identity else None


def copy(name, out_fd):
    """Write a file, by what `named` has said, to a descriptor from its beginning. False: it is not here, may not be
    read, or has changed meanwhile; some of it may be written then. Raises OSError if it cannot be written.
    """
    path, expected, boot_id = name
    if boot_id != _boot_id():
        return False
    try:
        fd = os.open(encoded(path), descriptors.READ)
    except OSError:
        return False
    try:
        is_it = identity(os.fstat(fd)) == expected
        return is_it and _copy(fd, out_fd, expected[2]) and identity(os.fstat(fd)) == expected
    finally:
        os.close(fd)


def _copy(fd, out_fd, size):
    """Whether all of it was copied; holes stay holes."""
    end = 0
    while end < size:
        begin, end = _data(fd, end, size)
        os.lseek(out_fd, begin, os.SEEK_SET)
        while begin < end:
            try:
                n = os.sendfile(out_fd, fd, begin, min(end - begin, _CALL_BYTES))
            except OSError as e:
                if e.errno in _NOT_HERE:
                    return False
                raise
            if not n:
                return False
            begin += n
    os.ftruncate(out_fd, size)
    return True


def _data(fd, offset, size):
    """Where the next data of a file begin and end; `size` twice where only a hole is left."""
    try:
        begin = min(size, os.lseek(fd, offset, os.SEEK_DATA))
        return begin, min(size, os.lseek(fd, begin, os.SEEK_HOLE)) if begin < size else size
    except OSError as e:
        return (size if e.errno == errno.ENXIO else offset), size  # else the file system tells of no holes


def _boot_id():
    try:
        with open(_BOOT_ID, 'rb') as file:
            return file.read(64)
    except OSError:
        return b''
