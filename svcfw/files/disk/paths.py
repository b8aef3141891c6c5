"""Paths as str and bytes, and names of temporary files."""

import os


def encoded(path):
    """A path, command or argument (str, as the codec decodes it) as bytes for the system, whatever the locale.

    Bytes are returned unchanged. Raises ValueError for text that cannot be encoded.
    """
    return path if isinstance(path, bytes) else path.encode('utf-8', 'surrogateescape')


def decoded(path):
    """Inverse of `encoded`: bytes as str. Text is returned unchanged."""
    return path.decode('utf-8', 'surrogateescape') if isinstance(path, bytes) else path


def temporary_name():
    """A new hidden name (bytes) for a temporary file; not derived from the file's name, which may be 255 bytes long."""
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
