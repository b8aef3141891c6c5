"""Open flags, and writing to descriptors."""

import os

#: With these neither a named pipe nor a terminal blocks whoever opens it. They do not change what regular files do.
SAFELY = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
READ = os.O_RDONLY | SAFELY
#: A file of our own; whatever has that name already is an error.
NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

#: For files of one's own, and for root.
_NO_ATIME = getattr(os, 'O_NOATIME', 0)

#: Read and written at once where a file is copied or hashed.
COPY_BYTES = 256 * 1024


def open_quietly(name, flags, folder=None):
    """os.open for reading that leaves the time of access as it is, where the account may ask for that. OSError.

    What is looked through twice is the same then, and so is the manifest that tells of it.
    """
    try:
        return os.open(name, flags | _NO_ATIME, dir_fd=folder)
    except PermissionError:
        return os.open(name, flags, dir_fd=folder)


def write_all(fd, data):
    """Write all of `data` (bytes-like). OSError."""
    done = os.write(fd, data)
    while done < len(data):
        done += os.write(fd, memoryview(data)[done:])


def pwrite_all(fd, data, offset):
    """Write all of `data` (bytes-like) at `offset`. OSError."""
    done = os.pwrite(fd, data, offset)
    while done < len(data):
        done += os.pwrite(fd, memoryview(data)[done:], offset + done)


def unlink(name, folder=None):
    """Remove a file, named relative to a folder's descriptor if given, if it can be removed."""
    try:
        os.unlink(name, dir_fd=folder)
    except OSError:
        pass
