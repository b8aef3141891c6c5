"""Atomic replacement of a file."""

import os
import shutil
import tempfile

from svcfw.files.disk import descriptors, metadata


def replace(path, write):
    """Have `write(temporary)` fill an empty file and return permission bits, then rename it to `path`.

    Both are paths (str). An existing file keeps its mode, as with sftp; a new one gets those bits less the umask.
    A symlink is followed. What is not a regular file (/dev/null, a fifo) is written to directly. Raises OSError, or
    what `write` raises; then `path` is unchanged.
    """
    destination = os.path.realpath(path)
    is_special = os.path.exists(destination) and not os.path.isfile(destination)
    fd, temporary = tempfile.mkstemp(prefix='.svcfw-', dir=None if is_special else os.path.dirname(destination))
    try:
        mode = write(temporary)
        if is_special:
            shutil.copyfile(temporary, destination)
            os.unlink(temporary)
        else:
            metadata.apply(fd, mode=_mode(destination, mode))
            os.rename(temporary, destination)
    except BaseException:
        descriptors.unlink(temporary)
        raise
    finally:
        os.close(fd)


def _mode(path, given):
    try:
        return os.stat(path).st_mode & 0o7777
    except FileNotFoundError:
        return given & 0o777 & ~metadata.umask() | 0o200
