"""File operations of the agent, each with behaviour and error text of the shell command that it replaces.

Files are written by puts.py.

Paths are str as the codec decodes them: UTF-8 whatever the locale here, other bytes as surrogates.
"""

import errno
import hashlib
import os
import shutil
import stat

from svcfw.files.disk import descriptors
from svcfw.files.disk.paths import decoded, encoded


class Failure(Exception):
    """An operation failed: str() is the message of the shell's tool, `path` (str) the file."""

    def __init__(self, path, text, error):
        Exception.__init__(self, '%s: %s' % (text, getattr(error, 'strerror', None) or error))
        self.path = path


def expand_user(text):
    """'~' is $HOME, '~name' that account's home; anything else is returned unchanged, as by a shell."""
    return decoded(os.path.expanduser(encoded(text)))


def make_directory(path, umask):
    """Make `path`, which must not exist, and its missing parents."""
    previous = os.umask(umask) if umask is not None else None
    try:
        raw = encoded(path)
        os.makedirs(os.path.dirname(raw) or b'.', exist_ok=True)
        os.mkdir(raw)
    except (OSError, ValueError) as e:
        raise Failure(path, "mkdir: cannot create directory '%s'" % _subject(e, path), e)
    finally:
        if previous is not None:
            os.umask(previous)


def ensure_directory(path, umask):
    """Make `path` (it may begin with ~) and its missing parents; a failure is ignored."""
    previous = os.umask(umask)
    try:
        os.makedirs(os.path.expanduser(encoded(path)), exist_ok=True)
    except (OSError, ValueError):
        pass
    finally:
        os.umask(previous)


def make_accessible(paths):
    """As chmod u+rwx."""
    for path in paths:
        try:
            raw = encoded(path)
            os.chmod(raw, stat.S_IMODE(os.stat(raw).st_mode) | 0o700)
        except (OSError, ValueError) as e:
            raise Failure(path, "chmod: cannot access '%s'" % path, e)


def remove(path, recursive):
    """As rm -f, or rm -rf: raises Failure for what cannot be removed, not for what does not exist."""
    try:
        raw = encoded(path)
        if recursive and os.path.isdir(raw) and not os.path.islink(raw):
            shutil.rmtree(raw)
        else:
            os.unlink(raw)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as e:
        raise Failure(path, "rm: cannot remove '%s'" % _subject(e, path), e)


def _subject(error, path):
    """The file that an error names: possibly a parent or member of the requested one."""
    name = getattr(error, 'filename', None)
    return decoded(name) if isinstance(name, bytes) else path


class Download(object):
    """One file sent to the controller: its `mode` bits, its `size` when it was opened, and its content."""

    def __init__(self, path):
        self._path = path
        self._hash = hashlib.sha256()
        try:
            self._fd = os.open(encoded(path), descriptors.READ)
        except (OSError, ValueError) as e:
            raise self._failure(e)
        status = os.fstat(self._fd)
        self.mode = stat.S_IMODE(status.st_mode)
        self.size = status.st_size
        if stat.S_ISDIR(status.st_mode):
            self.close()
            raise self._failure(os.strerror(errno.EISDIR))

    def read(self, most):
        """The next bytes, at most `most`; b'' at the end. After a Failure the download is closed."""
        try:
            data = os.read(self._fd, most)
        except OSError as e:
            self.close()
            raise self._failure(e)
        self._hash.update(data)
        return data

    def digest(self):
        """The SHA-256 of what was read."""
        return self._hash.digest()

    def close(self):
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _failure(self, error):
        return Failure(self._path, "cannot read '%s'" % self._path, error)
