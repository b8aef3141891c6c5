"""A file of the controller that is replaced whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable


def replace(path: str, write: Callable[[str], int]) -> None:
    """Let `write(temporary)` fill an empty file and return permission bits, then put it in the place of `path`.

    A file that is there keeps its mode, as with sftp; a new one gets those bits under the umask. A link is followed.
    What is no regular file (/dev/null, a fifo) is written into. OSError, or what `write` raises, and `path` is as it
    was.
    """
    destination = os.path.realpath(path)
    is_special = os.path.exists(destination) and not os.path.isfile(destination)
    descriptor, temporary = tempfile.mkstemp(prefix='.svcfw-', dir=None if is_special else os.path.dirname(destination))
    os.close(descriptor)
    try:
        mode = write(temporary)
        if is_special:
            shutil.copyfile(temporary, destination)
            os.unlink(temporary)
        else:
            os.chmod(temporary, _mode(destination, mode))
            os.replace(temporary, destination)
    except BaseException:
        os.unlink(temporary)
        raise


def _mode(path: str, given: int) -> int:
    try:
        return os.stat(path).st_mode & 0o7777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return given & 0o777 & ~umask | 0o200
