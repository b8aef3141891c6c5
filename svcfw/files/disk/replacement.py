"""A file that is replaced whole or not at all, by somebody who writes to a path."""

import os
import shutil
import tempfile

from svcfw.files.disk import descriptors, metadata


def replace(path, write):
    """Let `write(temporary)` fill an empty file and return permission bits, then put it in the place of `path`.

    Both are paths (str). A file that is there keeps its mode, as with sftp; a new one gets those bits under the umask.
    A link is followed. What is no regular file (/dev/null, a fifo) is written into. OSError, or what `write` raises,
    and `path` is as it was.
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
