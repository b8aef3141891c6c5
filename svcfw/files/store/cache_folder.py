"""CacheFolder: contents that outlive the process, as files named by their SHA-256.

Several processes of the account use one folder without a lock: files appear by rename and never change, and each is
verified when it is read. Files with other names are left alone.
"""

import os
import stat
import time
from binascii import hexlify, unhexlify

from svcfw.files.disk import descriptors
from svcfw.files.disk.beside import Beside
from svcfw.service.errors import CacheFolderError

#: Files in one folder: a listing takes at most some 100 ms, the index of their sizes 3 MB.
MAX_FILES = 16384

#: Disk space of a small file on most file systems; smaller files count as much.
BLOCK_BYTES = 4096

_NAME_LENGTH = 64
_DIGITS = frozenset('0123456789abcdef')
_TEMPORARY = '.new-'
#: Unfinished files of this age were left by a killed process.
_STALE_S = 24 * 3600
_FOLDER_FLAGS = descriptors.FOLDER | os.O_NOFOLLOW
_READ_FLAGS = descriptors.READ | os.O_NOFOLLOW


class CacheFolder(object):
    """The folder `path`, created with mode 0700 if missing (its parent must exist), bounded to `max_bytes`.

    One process keeps the bound; of several, each may add an eighth of it before it sees what the others added. Least
    recently used files are removed first; each read sets a file's mtime, because most systems do not maintain atime.

    Raises CacheFolderError if others can read or write the folder, or it is a symlink or no folder. If that happens
    later, or the folder is removed, this object treats it as empty (and creates it again on the next `put`).

    Any thread. Threads that put at the same time may exceed the bound as processes may.
    """

    def __init__(self, path, max_bytes):
        self._path = os.path.abspath(path)
        self._max_bytes = max_bytes
        self._room = 0  # bytes that may be added before the next listing
        self._slots = 0  # files that may be added before it
        self._sizes = {}  # digest: size, from the last listing and later additions
        os.close(self._open_folder(makes=True))
        self._make_room(0)

    def put(self, digest, pieces, size):
        """Store a content that is known to have this digest: `size` bytes, in `pieces`. Returns whether it was stored.

        Not stored: what exceeds the bound or the free disk space.
        """
        if self.holds(digest) and self._sizes.get(digest) == size:
            return True
        weight = _weight(size)
        if weight > self._max_bytes:
            return False
        if weight > self._room or not self._slots:
            self._make_room(weight)
        try:
            folder = self._open_folder(makes=True)
        except (CacheFolderError, OSError):
            return False
        try:
            _write_beside(folder, _name(digest), pieces)
        except OSError:
            return False
        finally:
            os.close(folder)
        self._room -= weight
        self._slots -= 1
        self._sizes[digest] = size
        return True

    def open(self, digest):
        """A descriptor of the file with this name, or None. Marks it as used; the caller verifies what it reads."""
        try:
            folder = self._open_folder(makes=False)
        except (CacheFolderError, OSError):
            return None
        try:
            fd = os.open(_name(digest), _READ_FLAGS, dir_fd=folder)
        except OSError:
            self._sizes.pop(digest, None)
            return None
        finally:
            os.close(folder)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            os.close(fd)
            return None
        try:
            os.utime(fd)
        except OSError:  # e.g. a read-only file system
            pass
        return fd

    def holds(self, digest):
        """Whether a file has this name; its content is not verified."""
        try:
            folder = self._open_folder(makes=False)
        except (CacheFolderError, OSError):
            return False
        try:
            status = os.stat(_name(digest), dir_fd=folder, follow_symlinks=False)
        except OSError:
            self._sizes.pop(digest, None)
            return False
        finally:
            os.close(folder)
        if not stat.S_ISREG(status.st_mode):
            return False
        self._sizes[digest] = status.st_size
        return True

    def drop(self, digest):
        """Remove a file whose content does not match its name."""
        self._sizes.pop(digest, None)
        try:
            folder = self._open_folder(makes=False)
        except (CacheFolderError, OSError):
            return
        try:
            os.unlink(_name(digest), dir_fd=folder)
        except OSError:
            pass
        finally:
            os.close(folder)

    def sizes(self):
        """Sizes by digest (dict, a copy), as far as known: what other processes added may be missing."""
        return self._sizes.copy()

    def _open_folder(self, makes):
        """A descriptor of the folder, whose owner and mode are checked anew each time."""
        try:
            fd = os.open(self._path, _FOLDER_FLAGS)
        except FileNotFoundError:
            if not makes:
                raise
            fd = self._make_folder()
        except OSError as e:  # a symlink or a file
            raise CacheFolderError('unusable cache folder %s: %s' % (self._path, e.strerror)) from e
        status = os.fstat(fd)
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            os.close(fd)
            text = 'unusable cache folder %s: owner is uid %d, mode %04o; expected this account and 0700'
            raise CacheFolderError(text % (self._path, status.st_uid, stat.S_IMODE(status.st_mode)))
        return fd

    def _make_folder(self):
        try:
            try:
                os.mkdir(self._path, 0o700)
            except FileExistsError:  # created by another process
                pass
            return os.open(self._path, _FOLDER_FLAGS)
        except OSError as e:
            raise CacheFolderError('unusable cache folder %s: %s' % (self._path, e.strerror)) from e

    def _make_room(self, weight):
        """List the folder, and remove least recently used files until `weight` bytes and an eighth of the bound fit."""
        try:
            folder = self._open_folder(makes=False)
        except (CacheFolderError, OSError):
            self._sizes = {}
            self._room, self._slots = self._max_bytes // 8, MAX_FILES // 8
            return
        try:
            files = _listing(folder)
            total = sum(_weight(size) for _, size, _ in files)
            most_bytes = self._max_bytes - max(weight, self._max_bytes // 8)
            most_files = MAX_FILES - MAX_FILES // 8
            while files and (total > most_bytes or len(files) > most_files):
                _, size, name = files.pop()
                descriptors.unlink(name, folder)
                total -= _weight(size)
        finally:
            os.close(folder)
        self._sizes = {unhexlify(name): size for _, size, name in files}
        self._room = max(weight, min(self._max_bytes - total, self._max_bytes // 8))
        self._slots = MAX_FILES // 8


def _name(digest):
    return hexlify(digest).decode()


def _weight(size):
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES


def _listing(folder):
    """The stored files: (mtime_ns, size, name) each, last used first. Removes old unfinished files."""
    found = []
    for name in os.listdir(folder):
        is_content = len(name) == _NAME_LENGTH and _DIGITS.issuperset(name)
        if not is_content and not name.startswith(_TEMPORARY):
            continue
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:  # removed by another process
            continue
        if not stat.S_ISREG(status.st_mode):
            continue
        if is_content:
            found.append((status.st_mtime_ns, status.st_size, name))
        elif status.st_mtime < time.time() - _STALE_S:
            descriptors.unlink(name, folder)
    found.sort(reverse=True)
    return found


def _write_beside(folder, name, pieces):
    """Write a file under a temporary name, then rename it. After an OSError nothing is left."""
    file = Beside(_TEMPORARY + hexlify(os.urandom(8)).decode(), name, folder)
    try:
        for piece in pieces:
            descriptors.write_all(file.fd, piece)
        file.close()
        file.put_in_place()
    finally:
        file.abandon()
