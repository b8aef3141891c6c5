"""Atomic replacement of a file."""

import os
import shutil
import tempfile

from svcfw.files.disk import metadata
from svcfw.files.disk.beside import Beside
from svcfw.files.disk.paths import decoded, temporary_name


def replace(path, write):
    """Have `write(temporary)` fill an empty file and return permission bits, then rename it to `path`.

    Both are paths (str). An existing file keeps its mode, as with sftp; a new one gets those bits less the umask.
    A symlink is followed. What is not a regular file (/dev/null, a fifo) is written to directly. Raises OSError, or
    what `write` raises; then `path` is unchanged.
    """
    destination = os.path.realpath(path)
    if os.path.exists(destination) and not os.path.isfile(destination):
        with tempfile.NamedTemporaryFile(prefix='.svcfw-') as elsewhere:
            write(elsewhere.name)
            shutil.copyfile(elsewhere.name, destination)
        return
    temporary = os.path.join(os.path.dirname(destination), decoded(temporary_name()))
    file = Beside(temporary, destination)
    try:
        metadata.apply(file.fd, mode=_mode(destination, write(temporary)))
        file.put_in_place()
    finally:
        file.abandon()


def _mode(path, given):
    try:
        return os.stat(path).st_mode & 0o7777
    except FileNotFoundError:
        return given & 0o777 & ~metadata.umask() | 0o200
