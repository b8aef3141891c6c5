"""File operations of the agent, each as the shell command does it whose place it takes, with its error text.

Paths are text as the codec brings it: UTF-8 whatever the locale here is, other bytes as surrogates.
"""

import os
import shutil
import stat

#: Neither a named pipe nor a terminal may hold up the agent; regular files do not care.
_SAFELY = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_READ_BYTES = 64 * 1024


class Failure(Exception):
    """An operation failed: str() is what the shell's tool would have said, `path` (str) what it was about."""

    def __init__(self, path, text, error):
        Exception.__init__(self, '%s: %s' % (text, getattr(error, 'strerror', None) or error))
        self.path = path


def encoded(text):
    """A path, command or argument (str) as the system takes it (bytes). ValueError for what no bytes stand for."""
    return text.encode('utf-8', 'surrogateescape')


def decoded(data):
    """The reverse of `encoded`."""
    return data.decode('utf-8', 'surrogateescape')


def expand_user(text):
    """'~' is $HOME, '~name' that account's home; anything else stays as it is, as in a shell."""
    return decoded(os.path.expanduser(encoded(text)))


def make_directory(path, umask):
    """Make `path`, which must not exist, and whatever is missing above it."""
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


def make_accessible(paths):
    """chmod u+rwx"""
    for path in paths:
        try:
            raw = encoded(path)
            os.chmod(raw, stat.S_IMODE(os.stat(raw).st_mode) | 0o700)
        except (OSError, ValueError) as e:
            raise Failure(path, "chmod: cannot access '%s'" % path, e)


def remove(path, recursive):
    """rm -f, or rm -rf; what cannot be removed is a Failure, what is not there is none."""
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
    """The file that an error is about: perhaps not the one that was asked for, but one above or in it."""
    name = getattr(error, 'filename', None)
    return decoded(name) if isinstance(name, bytes) else path


class Upload(object):
    """One file on its way here. What was created is removed again when it does not arrive in full."""

    def __init__(self, path, mode):
        self._path = path
        try:
            self._raw = encoded(path)
            self._created = not os.path.lexists(self._raw)
            self._fd = os.open(self._raw, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _SAFELY, mode)
        except (OSError, ValueError) as e:
            raise self._failure(e)

    def write(self, data):
        """Write all of `data` (bytes). After a Failure the upload is over."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as e:
            self.abandon()
            raise self._failure(e)

    def close(self):
        """The file is complete. Failure if the system finds only now that there was no room, as with a quota."""
        fd, self._fd = self._fd, -1
        try:
            os.close(fd)
        except OSError as e:
            self._remove()
            raise self._failure(e)

    def abandon(self):
        """The rest will not come. Nothing happens after `close` or a Failure."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._remove()

    def _remove(self):
        if self._created:
            try:
                os.unlink(self._raw)
            except OSError:
                pass

    def _failure(self, error):
        return Failure(self._path, "cannot write '%s'" % self._path, error)


class Download(object):
    """One file on its way to the controller, read as far as its Output accepts."""

    def __init__(self, path):
        self._path = path
        try:
            self._fd = os.open(encoded(path), os.O_RDONLY | _SAFELY)
        except (OSError, ValueError) as e:
            raise self._failure(e)
        status = os.fstat(self._fd)
        self._mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISDIR(status.st_mode):
            self.close()
            raise self._failure(os.strerror(21))

    def pump(self, output):
        """Send on; True when all has been sent. After a Failure the download is over."""
        try:
            while not output.is_full():
                data = os.read(self._fd, _READ_BYTES)
                if not data:
                    self.close()
                    output.finish(self._mode)
                    return True
                output.write(1, data)
        except OSError as e:
            self.close()
            raise self._failure(e)
        return False

    def close(self):
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _failure(self, error):
        return Failure(self._path, "cannot read '%s'" % self._path, error)
