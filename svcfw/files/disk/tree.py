"""Whole folders: reading one, entry by entry. Python 3.6, standard library.

Everything goes by descriptors of folders and single names, never by paths from the root: those may be longer than the
system allows, are walked anew each time, and change their meaning when a link is put in their way.
"""

import os
import stat
from collections import OrderedDict
from hashlib import sha256

from svcfw.files.disk import descriptors
from svcfw.files.disk.accounts import Accounts
from svcfw.files.disk.paths import decoded, encoded
from svcfw.files.manifest import DIRECTORY, FILE, OTHER, SYMLINK, Entry
from svcfw.service.errors import TransferError

#: Folders kept open. A tree is walked depth first, so what is needed next is nearly always among the last ones.
OPEN_FOLDERS = 64

PIECE_BYTES = 256 * 1024


_KINDS = {stat.S_IFREG: FILE, stat.S_IFDIR: DIRECTORY, stat.S_IFLNK: SYMLINK}


class Folders(object):
    """Descriptors of the folders beneath one, opened as they are wanted; the latest used ones stay open.

    root: descriptor of the folder itself, from now on closed by `close`. follow: whether symlinks to folders are
    followed, which leads outside. For one thread at a time.
    """

    def __init__(self, root, follow=False):
        self._root = root
        self._flags = descriptors.FOLDER if follow else descriptors.FOLDER | os.O_NOFOLLOW
        self._open = OrderedDict()  # name (bytes) -> descriptor

    def get(self, name):
        """The descriptor of the folder `name` (bytes, b'' for the root); it is good until the next call.

        OSError if it is not there, cannot be opened, or a symlink is in the way. ValueError for a name that leads up.
        """
        if not name:
            return self._root
        fd = self._open.get(name)
        if fd is not None:
            self._open.move_to_end(name)
            return fd
        end, fd = self._nearest(name)
        for part in name[end:].split(b'/'):
            if part in (b'', b'.', b'..'):
                raise ValueError('%r is no name of a folder' % name)
            fd = descriptors.open_quietly(part, self._flags, fd)
            end += len(part)
            self._open[name[:end]] = fd
            end += 1
            if len(self._open) > OPEN_FOLDERS:
                os.close(self._open.popitem(last=False)[1])
        return fd

    def _nearest(self, name):
        """The next folder above that is open: where the rest of the name begins, descriptor."""
        end = name.rfind(b'/')
        while end > 0:
            fd = self._open.get(name[:end])
            if fd is not None:
                self._open.move_to_end(name[:end])
                return end + 1, fd
            end = name.rfind(b'/', 0, end)
        return 0, self._root

    def close(self):
        """Idempotent."""
        while self._open:
            os.close(self._open.popitem()[1])
        root, self._root = self._root, -1
        if root >= 0:
            os.close(root)


def scan(root, follow=False, inline_bytes=0):
    """What is in the folder `root` (str, bytes, PathLike; a symlink to it is followed): yields Entry, the root's first.

    The order is the one of svcfw.files.manifest. Files are read in pieces for their digests; entries come as they are
    found, so memory is bounded by the largest folder and the folders not yet entered.

    follow: links to files and folders are taken for what they lead to; those that lead nowhere, or to a folder that
    they are in, stay links. inline_bytes: files up to this size come with their `content`.

    What vanishes underway is left out (of a folder, what was not read yet). TransferError, which names it, for what
    cannot be read. A hard link is one more file; access lists and other attributes are not looked at.
    """
    return _Scan(root, follow, inline_bytes).entries()


class _Scan(object):
    def __init__(self, root, follow, inline_bytes):
        self._path = encoded(os.fspath(root))
        self._follow = follow
        self._inline_bytes = inline_bytes
        self._accounts = Accounts()

    def entries(self):
        try:
            root = descriptors.open_quietly(self._path, descriptors.FOLDER)
        except OSError as e:
            raise self._failure(b'', e)
        folders = Folders(root, self._follow)
        try:
            status = os.fstat(root)
            yield self._entry(b'', DIRECTORY, status)
            pending: list = [(b'', ((status.st_dev, status.st_ino), None))]
            while pending:
                name, chain = pending.pop()
                inner = []
                for raw, entry, status in self._folder(folders, name, chain):
                    if entry.kind == DIRECTORY:
                        inner.append((raw, ((status.st_dev, status.st_ino), chain)))
                    yield entry
                inner.reverse()
                pending += inner
        finally:
            folders.close()

    def _folder(self, folders, name, chain):
        """What one folder holds, without what is in its folders: (name, entry, status) each."""
        try:
            fd = folders.get(name)
            # As bytes, for what the interpreter makes of them as text depends on the locale.
            names = sorted(map(os.fsencode, os.listdir(fd)))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as e:
            raise self._failure(name, e)
        prefix = name + b'/' if name else b''
        for base in names:
            raw = prefix + base
            try:
                entry, status = self._look(fd, base, raw, chain)
            except FileNotFoundError:
                continue
            except OSError as e:
                raise self._failure(raw, e)
            yield raw, entry, status

    def _look(self, folder, base, raw, chain):
        status = os.stat(base, dir_fd=folder, follow_symlinks=False)
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), OTHER)
        follows = False
        if kind == SYMLINK and self._follow:
            there = _follow(folder, base, chain)
            if there is not None:
                status, follows = there, True
                kind = _KINDS.get(stat.S_IFMT(status.st_mode), OTHER)
        if kind == FILE:
            return self._file(folder, base, raw, follows)
        entry = self._entry(raw, kind, status)
        if kind == SYMLINK:
            entry.target = decoded(os.fsencode(os.readlink(base, dir_fd=folder)))
            entry.atime_ns = entry.mtime_ns  # this look has changed it
        return entry, status

    def _file(self, folder, base, raw, follows):
        flags = descriptors.READ if follows else descriptors.READ | os.O_NOFOLLOW
        fd = descriptors.open_quietly(base, flags, folder)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):  # something else took the name
                raise FileNotFoundError
            entry = self._entry(raw, FILE, status)
            entry.digest, entry.size, content = _hashed(fd, status.st_size)
            if entry.size <= self._inline_bytes:
                entry.content = content
        finally:
            os.close(fd)
        return entry, status

    def _entry(self, raw, kind, status):
        uid, gid = status.st_uid, status.st_gid
        owner = (uid, gid, self._accounts.user(uid) or '', self._accounts.group(gid) or '')
        mode = stat.S_IMODE(status.st_mode)
        return Entry(decoded(raw), kind, 0, mode, status.st_mtime_ns, status.st_atime_ns, owner)

    def _failure(self, name, error):
        path = os.path.join(self._path, name) if name else self._path
        return TransferError('%s cannot be read: %s' % (decoded(path), error.strerror))


def _follow(folder, base, chain):
    """The status of what a link leads to; None if it leads nowhere, or to a folder that it is in."""
    try:
        status = os.stat(base, dir_fd=folder)
    except OSError:  # dangling, in a circle, or behind a folder that is closed to us
        return None
    this = status.st_dev, status.st_ino
    while chain is not None:
        if chain[0] == this:
            return None
        chain = chain[1]
    return status


def _hashed(fd, size):
    """Read a file to its end: (digest, bytes read, the content if it came in one piece else None)."""
    data = os.read(fd, min(size + 1, PIECE_BYTES))
    count = len(data)
    found = sha256(data)
    if count == size < PIECE_BYTES:  # one byte more was asked for and not there
        return found.digest(), count, data
    while data:
        data = os.read(fd, PIECE_BYTES)
        found.update(data)
        count += len(data)
    return found.digest(), count, None


def digest_of(fd, size):
    """The SHA-256 of a descriptor's file from its position on, which is expected to be `size` bytes. OSError."""
    return _hashed(fd, size)[0]
