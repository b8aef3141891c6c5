"""Sink: a file that arrives, written beside its place and put there whole."""

import errno
import fcntl
import hashlib
import os
import stat

from svcfw.files.disk import descriptors, metadata
from svcfw.files.disk.accounts import Accounts
from svcfw.files.disk.descriptors import COPY_BYTES
from svcfw.files.disk.paths import decoded, encoded
from svcfw.files.disk.reader import identity
from svcfw.service.errors import TransferError

#: A transfer that was cut off leaves what has come, if it is this much, for the next one to go on from.
MIN_RESUMED_BYTES = 1024 * 1024
_ZEROS = bytes(COPY_BYTES)
_REOPEN = os.O_RDWR | os.O_NOFOLLOW | descriptors.SAFELY


class Wanted(object):
    """How a file is to be when it is in place. Each None: as it is now, or for a new file as files are made here.

    mode: permission bits; default_mode: those of a new file, less the umask; owner, group: names or numbers as text;
    mtime_ns, atime_ns: both or none; durable: whether it has to survive a power failure from when the transfer ends on.
    """

    _TYPES = {
        'mode': int,
        'owner': str,
        'group': str,
        'mtime_ns': int,
        'atime_ns': int,
        'durable': bool,
        'default_mode': int,
    }

    def __init__(self, mode=None, owner=None, group=None, mtime_ns=None, atime_ns=None, durable=False,
                 default_mode=0o666):  # fmt: skip
        self.mode = mode
        self.default_mode = default_mode
        self.owner = owner
        self.group = group
        self.mtime_ns = mtime_ns
        self.atime_ns = atime_ns
        self.durable = durable

    @classmethod
    def decode(cls, value):
        """From a dict that a peer sent. TransferError."""
        for name, each in value.items():
            if name not in cls._TYPES or type(each) not in (cls._TYPES[name], type(None)):
                raise TransferError('%s cannot be %r' % (name, each))
        return cls(**value)


class Sink(object):
    """A file on its way to `path` (str or bytes); a link there is followed. For one thread at a time.

    token: what tells this version of the content from others (bytes); what an earlier transfer of the same left
    is gone on with: see `offset`. None: nothing is kept. OSError from the constructor, and from all that writes.

    After an error call `abandon`. Nothing is seen at `path` until `finish`.
    """

    def __init__(self, path, token=None):
        self.path = decoded(path)
        self._place = os.path.realpath(encoded(path))
        if os.path.exists(self._place) and not os.path.isfile(self._place):
            kind = errno.EISDIR if os.path.isdir(self._place) else errno.EINVAL
            raise OSError(kind, os.strerror(kind), self.path)
        self._hash = hashlib.sha256()
        self._is_verified = False
        self._is_in_place = False
        self._token = token
        self.offset = 0
        try:
            self._fd, self._partial = self._open_partial()
        except OSError as e:
            raise OSError(e.errno, e.strerror, self.path) from None  # not the name beside it, which nobody knows

    def fileno(self):
        return self._fd

    # -- content

    def write(self, data):
        """Append bytes."""
        self._hash.update(data)
        descriptors.pwrite_all(self._fd, data, self.offset)
        self.offset += len(data)

    def write_zeros(self, n):
        """Append `n` zero bytes, as a hole."""
        os.ftruncate(self._fd, self.offset + n)
        self.offset += n
        while n:
            self._hash.update(_ZEROS[: min(n, COPY_BYTES)])
            n -= min(n, COPY_BYTES)

    def copy(self, fd, offset, n):
        """Append `n` bytes that another descriptor has at `offset`. TransferError if it has not."""
        while n:
            data = os.pread(fd, min(n, COPY_BYTES), offset)
            if not data:
                raise TransferError('%s has changed while it was written' % self.path)
            self.write(data)
            offset += len(data)
            n -= len(data)

    def restart(self):
        """Forget all content."""
        os.ftruncate(self._fd, 0)
        self.offset = 0
        self._hash = hashlib.sha256()

    def fill(self, copy_to):
        """Take the content from `copy_to(fd)`, which says whether it has written all of it; else nothing has come."""
        os.lseek(self._fd, 0, os.SEEK_SET)
        self.restart()
        if not copy_to(self._fd):
            self.restart()
            return False
        self.offset = os.fstat(self._fd).st_size
        self._is_verified = True
        return True

    # -- the end

    def finish(self, digest, wanted):
        """Put the file in its place, as `wanted` (Wanted); `digest`: what its SHA-256 has to be.

        Returns the identity (see svcfw.files.disk.reader) that it has now. TransferError if the content is another.
        """
        if not self._is_verified and self._hash.digest() != digest:
            self._token = None  # not to be gone on with
            raise TransferError('%s did not arrive as it was sent. Send it again' % self.path)
        self._apply(wanted)
        if wanted.durable:
            os.fsync(self._fd)
        os.rename(self._partial, self._place)
        self._is_in_place = True
        if wanted.durable:
            _sync_folder(os.path.dirname(self._place))
        now = identity(os.fstat(self._fd))
        self._close()
        return now

    def abandon(self):
        """It will not be finished. What has come is kept if it can be gone on with. Idempotent, also after `finish`."""
        is_kept = self._is_in_place or (self._token is not None and self.offset >= MIN_RESUMED_BYTES)
        if self._fd >= 0 and not is_kept:
            descriptors.unlink(self._partial)
        self._close()

    def discard(self):
        """It will not be finished, and nothing of it is to be left. Idempotent, harmless after `finish`, `abandon`."""
        self._token = None
        self.abandon()

    def _close(self):
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _apply(self, wanted):
        try:
            present = os.stat(self._place)
        except FileNotFoundError:
            present = None
        accounts = Accounts()
        uid = -1 if wanted.owner is None else _number(accounts.uid, wanted.owner)
        gid = -1 if wanted.group is None else _number(accounts.gid, wanted.group)
        if uid == -1 and gid == -1 and present is not None:
            self._keep_owner(present)
        mode = wanted.mode
        if mode is None and present is not None:
            mode = stat.S_IMODE(present.st_mode)
        elif mode is None:
            mode = wanted.default_mode & ~metadata.umask() & 0o777
        times_ns = None if wanted.mtime_ns is None else (wanted.atime_ns or wanted.mtime_ns, wanted.mtime_ns)
        metadata.apply(self._fd, uid, gid, mode, times_ns)

    def _keep_owner(self, present):
        mine = os.fstat(self._fd)
        if (mine.st_uid, mine.st_gid) != (present.st_uid, present.st_gid):
            try:
                os.fchown(self._fd, present.st_uid, present.st_gid)
            except PermissionError:
                pass  # as when an editor writes it anew

    # -- where it is until then

    def _open_partial(self):
        folder, name = os.path.split(self._place)
        # Names may have 255 bytes already, so it is not part of ours.
        stem = os.path.join(folder, b'.svcfw-' + hashlib.sha256(name).hexdigest()[:16].encode())
        if self._token is not None:
            partial = stem + b'-' + hashlib.sha256(self._token).hexdigest()[:16].encode()
            fd = self._take_over(partial)
            if fd >= 0:
                return fd, partial
        partial = stem + b'.' + os.urandom(8).hex().encode()
        self._token = None
        return os.open(partial, descriptors.NEW, 0o600), partial

    def _take_over(self, partial):
        """A descriptor of the file to go on with, empty if there was none; -1 where another transfer has it."""
        fd = -1
        for _ in range(3):
            try:
                fd = os.open(partial, descriptors.NEW, 0o600)
            except FileExistsError:
                fd = self._reopen(partial)
            if fd >= 0:
                break
        if fd < 0:
            return -1
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return -1
        if not _is_at(fd, partial):
            os.close(fd)  # whoever had it has just finished it
            return -1
        self._go_on(fd)
        return fd

    def _reopen(self, partial):
        """What has that name, if it is a file of our own; anything else is taken out of the way."""
        try:
            fd = os.open(partial, _REOPEN)
            status = os.fstat(fd)
            if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink == 1:
                return fd
            os.close(fd)
        except FileNotFoundError:
            return -1
        except OSError:
            pass
        descriptors.unlink(partial)
        return -1

    def _go_on(self, fd):
        size = os.fstat(fd).st_size
        offset = 0
        while offset < size:
            data = os.pread(fd, COPY_BYTES, offset)
            if not data:
                break
            self._hash.update(data)
            offset += len(data)
        self.offset = offset


def _is_at(fd, path):
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        return False
    mine = os.fstat(fd)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def _number(look_up, name):
    """The number of an account or group, by its name or its number as text. TransferError."""
    number = look_up(name)
    if number is not None:
        return number
    if name.isdigit():
        return int(name)
    raise TransferError('there is no account or group %s' % name)


def _sync_folder(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
