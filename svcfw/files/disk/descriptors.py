"""Flags for open(), and complete writes."""

import os

#: O_NONBLOCK: opening a named pipe or terminal must not block; regular files ignore it.
SAFELY = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
READ = os.O_RDONLY | SAFELY
#: A new file; an existing one, whatever it is, is an error.
NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

#: Permitted for own files, and for root.
_NO_ATIME = getattr(os, 'O_NOATIME', 0)

#: Bytes per read and write when a file is copied or hashed.
COPY_BYTES = 256 * 1024


def open_quietly(name, flags, folder=None):
    """os.open for reading that keeps the access time, where the account has permission for that. Raises OSError.

    So a second scan of an unchanged folder gives the same manifest.
    """
    try:
        return os.open(name, flags | _NO_ATIME, dir_fd=folder)
    except PermissionError:
        return os.open(name, flags, dir_fd=folder)


def write_all(fd, data):
    """Write all of `data` (bytes-like). Raises OSError."""
    done = os.write(fd, data)
    while done < len(data):
        done += os.write(fd, memoryview(data)[done:])


def pwrite_all(fd, data, offset):
    """Write all of `data` (bytes-like) at `offset`. Raises OSError."""
    done = os.pwrite(fd, data, offset)
    while done < len(data):
        done += os.pwrite(fd, memoryview(data)[done:], offset + done)


def unlink(name, folder=None):
    """Remove a file, if possible; `name` is relative to the descriptor `folder` if that is given."""
    try:
        os.unlink(name, dir_fd=folder)
    except OSError:
        pass
