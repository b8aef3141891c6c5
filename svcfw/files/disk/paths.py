"""Paths as text and as bytes, and names for files that are not whole yet."""

import os


def encoded(path):
    """A path, command or argument (str, as the codec decodes it) as the system takes it (bytes), whatever the locale.

    Bytes are returned as they are. ValueError for text that stands for no bytes.
    """
    return path if isinstance(path, bytes) else path.encode('utf-8', 'surrogateescape')


def decoded(path):
    """The reverse of `encoded`: bytes as str. Text is returned as it is."""
    return path.decode('utf-8', 'surrogateescape') if isinstance(path, bytes) else path


def temporary_name():
    """A new hidden name (bytes) for a file beside its place; never derived from its name, which may have 255 bytes."""
    return b'.svcfw-' + os.urandom(8).hex().encode()


def room_for(path):
    """How many bytes may be written to `path` (str, bytes, PathLike), or to the first folder above it that is there.

    None where the file system does not say.
    """
    place = os.path.realpath(encoded(path))
    while True:
        try:
            status = os.statvfs(place)
        except (FileNotFoundError, NotADirectoryError):
            place = os.path.dirname(place)
            continue
        return status.f_bavail * status.f_frsize if status.f_blocks else None
