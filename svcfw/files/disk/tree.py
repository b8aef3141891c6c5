"""Reads whole folders, entry by entry.

Files are opened by name relative to the descriptor of their folder, never by a path from the root: such a path may be
longer than the system allows, is resolved anew each time, and changes its meaning when a symlink is put in its way.
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

#: Folders kept open. A tree is walked depth first, so the next one needed is nearly always among the last.
OPEN_FOLDERS = 64

PIECE_BYTES = 256 * 1024


_KINDS = {stat.S_IFREG: FILE, stat.S_IFDIR: DIRECTORY, stat.S_IFLNK: SYMLINK}


class Folders(object):
    """Descriptors of the folders below one, opened on demand; an LRU cache keeps the last ones open.

    root: descriptor of the folder itself, closed by `close`. follow: whether to follow symlinks to folders, which may
    lead outside. For one thread at a time.
    """

    def __init__(self, root, follow=False):
        self._root = root
        self._flags = descriptors.FOLDER if follow else descriptors.FOLDER | os.O_NOFOLLOW
        self._open = OrderedDict()  # name (bytes): descriptor

    def get(self, name):
        """The descriptor of the folder `name` (bytes, b'' for the root), valid until the next call.

        Raises OSError if it does not exist, cannot be opened, or a symlink is in the way; ValueError for a name with
        '..'.
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
                raise ValueError('invalid folder name %r: empty, . and .. are not allowed' % name)
            fd = descriptors.open_quietly(part, self._flags, fd)
            end += len(part)
            self._open[name[:end]] = fd
            end += 1
            if len(self._open) > OPEN_FOLDERS:
                os.close(self._open.popitem(last=False)[1])
        return fd

    def _nearest(self, name):
        """The nearest open ancestor: (offset of the rest of the name, descriptor)."""
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
    """Scan the folder `root` (str, bytes, PathLike; a symlink to it is followed): yields Entry, the root's first.

    The order is that of svcfw.files.manifest. Files are read in pieces for their digests. Entries are yielded as they
    are found, so memory is bounded by the largest folder and the folders not yet entered.

    follow: copy what symlinks to files and folders point to; dangling ones, and those to a folder that they are in,
    stay symlinks. inline_bytes: files up to this size get their `content`.

    Files that vanish during the scan are left out (of a folder, what was not read yet). Raises TransferError, naming
    the file, for what cannot be read. A hard link is one more file; ACLs and extended attributes are ignored.
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
        """The members of one folder, not of its subfolders: (name, entry, status) each."""
        try:
            fd = folders.get(name)
            # As bytes: how the interpreter decodes names depends on the locale.
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
            if not stat.S_ISREG(status.st_mode):  # replaced since the listing
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
    """The status of what a symlink points to; None if it is dangling, or points to a folder that it is in."""
    try:
        status = os.stat(base, dir_fd=folder)
    except OSError:  # dangling, circular, or in a folder without permission
        return None
    this = status.st_dev, status.st_ino
    while chain is not None:
        if chain[0] == this:
            return None
        chain = chain[1]
    return status


def _hashed(fd, size):
    """Read a file to its end: (digest, bytes read, the content if it came in one read, else None)."""
    data = os.read(fd, min(size + 1, PIECE_BYTES))
    count = len(data)
    found = sha256(data)
    if count == size < PIECE_BYTES:  # one more byte was requested and not there
        return found.digest(), count, data
    while data:
        data = os.read(fd, PIECE_BYTES)
        found.update(data)
        count += len(data)
    return found.digest(), count, None


def digest_of(fd, size):
    """The SHA-256 of a descriptor's file from its position on, expected to be `size` bytes. Raises OSError."""
    return _hashed(fd, size)[0]
