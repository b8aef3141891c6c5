"""File operations of the agent, each as the shell command does it whose place it takes, with its error text."""

import os
import shutil
import stat


class Failure(Exception):
    """An operation failed: str() is what the shell's tool would have said, `path` what it was about."""

    def __init__(self, path, text, error):
        Exception.__init__(self, '%s: %s' % (text, error.strerror or error))
        self.path = path


def expand_user(text):
    """'~' is $HOME, '~name' that account's home; anything else stays as it is, as in a shell."""
    return os.path.expanduser(text)


def make_directory(path, umask):
    """Make `path`, which must not exist, and whatever is missing above it."""
    previous = os.umask(umask) if umask is not None else None
    try:
        os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
        os.mkdir(path)
    except OSError as e:
        raise Failure(path, "mkdir: cannot create directory '%s'" % (e.filename or path), e)
    finally:
        if previous is not None:
            os.umask(previous)


def make_accessible(paths):
    """chmod u+rwx"""
    for path in paths:
        try:
            os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | 0o700)
        except OSError as e:
            raise Failure(path, "chmod: cannot access '%s'" % path, e)


def remove(path):
    """rm -rf; what cannot be removed is a Failure."""
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as e:
        raise Failure(path, "rm: cannot remove '%s'" % (e.filename or path), e)


class Upload(object):
    """One file on its way here. What was created is removed again when it does not arrive in full."""

    def __init__(self, path, mode):
        self._path = path
        self._created = not os.path.lexists(path)
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        except OSError as e:
            raise Failure(path, "cannot write '%s'" % path, e)

    def write(self, data):
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as e:
            self.abandon()
            raise Failure(self._path, "cannot write '%s'" % self._path, e)

    def close(self):
        fd, self._fd = self._fd, None
        try:
            os.close(fd)  # a quota or a network file system may say only now that there was no room
        except OSError as e:
            self.abandon()
            raise Failure(self._path, "cannot write '%s'" % self._path, e)

    def abandon(self):
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        if self._created:
            try:
                os.unlink(self._path)
            except OSError:
                pass


class Download(object):
    """One file on its way to the controller, read as far as its Output accepts."""

    def __init__(self, path):
        try:
            self._file = open(path, 'rb', 0)
            status = os.fstat(self._file.fileno())
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(21, os.strerror(21))
        except OSError as e:
            raise Failure(path, "cannot read '%s'" % path, e)
        self._path = path
        self._mode = stat.S_IMODE(status.st_mode)

    def pump(self, output):
        """Send on; True when all has been sent. Failure on a read error."""
        try:
            while not output.is_full():
                data = self._file.read(65536)
                if not data:
                    self._file.close()
                    output.finish(self._mode)
                    return True
                output.write(1, data)
        except OSError as e:
            raise Failure(self._path, "cannot read '%s'" % self._path, e)
        return False

    def close(self):
        self._file.close()
