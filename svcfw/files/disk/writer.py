"""Writer: a file that is received: written beside its destination, verified and renamed."""

import errno
import fcntl
import hashlib
import os
import stat

from svcfw.files.contract import ContentWriter, zeros
from svcfw.files.disk import descriptors, metadata
from svcfw.files.disk.accounts import Accounts
from svcfw.files.disk.beside import Beside
from svcfw.files.disk.descriptors import COPY_BYTES
from svcfw.files.disk.paths import decoded, encoded
from svcfw.files.disk.reader import identity
from svcfw.service.errors import TransferError

#: An interrupted transfer keeps what has arrived from this size on, for the next one to resume.
MIN_RESUMED_BYTES = 1024 * 1024
_REOPEN = os.O_RDWR | os.O_NOFOLLOW | descriptors.SAFELY


class Wanted(object):
    """Attributes of the finished file. Each None: unchanged, or the default for a new file.

    mode: permission bits; default_mode: those of a new file, less the umask; owner, group: names or numbers as text;
    mtime_ns, atime_ns: both or none; durable: sync to disk before the transfer ends.
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
        """The Wanted in a dict that a peer sent. Raises TransferError."""
        for name, each in value.items():
            if name not in cls._TYPES or type(each) not in (cls._TYPES[name], type(None)):
                raise TransferError('invalid attribute %s: %r' % (name, each))
        return cls(**value)


class Writer(ContentWriter):
    """Writes a file to `path` (str or bytes); a symlink there is followed. For one thread at a time.

    token: identifies the version of the content (bytes); what an interrupted transfer of the same version left is
    resumed: see `offset`. None: nothing is kept. The constructor and all methods that write raise OSError.
    After an error call `abandon`. Nothing changes at `path` before `finish`.
    """

    def __init__(self, path, token=None):
        self.path = decoded(path)
        self._place = os.path.realpath(encoded(path))
        if os.path.exists(self._place) and not os.path.isfile(self._place):
            kind = errno.EISDIR if os.path.isdir(self._place) else errno.EINVAL
            raise OSError(kind, os.strerror(kind), self.path)
        self._hash = hashlib.sha256()
        self._is_verified = False
        self._token = token
        self.offset = 0
        try:
            self._file = self._open_partial()
        except OSError as e:
            raise OSError(e.errno, e.strerror, self.path) from None  # name the destination, not the temporary file

    def fileno(self):
        return self._file.fd

    # -- content

    def write(self, data):
        """Append bytes."""
        self._hash.update(data)
        descriptors.pwrite_all(self._file.fd, data, self.offset)
        self.offset += len(data)

    def write_zeros(self, n):
        """Append `n` zero bytes, as a hole."""
        os.ftruncate(self._file.fd, self.offset + n)
        self.offset += n
        for part in zeros(n):
            self._hash.update(part)

    def copy(self, fd, offset, n):
        """Append `n` bytes of another descriptor at `offset`. Raises TransferError if it has fewer."""
        while n:
            data = os.pread(fd, min(n, COPY_BYTES), offset)
            if not data:
                raise TransferError('%s was modified during the transfer' % self.path)
            self.write(data)
            offset += len(data)
            n -= len(data)

    def restart(self):
        """Drop all content."""
        os.ftruncate(self._file.fd, 0)
        self.offset = 0
        self._hash = hashlib.sha256()

    def fill(self, copy_to):
        """Take the content from `copy_to(fd)`, which returns whether it wrote all of it; if not, drop what it wrote."""
        os.lseek(self._file.fd, 0, os.SEEK_SET)
        self.restart()
        if not copy_to(self._file.fd):
            self.restart()
            return False
        self.offset = os.fstat(self._file.fd).st_size
        self._is_verified = True
        return True

    # -- the end

    def finish(self, digest, wanted):
        """Rename the file to its destination with the attributes `wanted` (Wanted); `digest`: its expected SHA-256.

        Returns its identity (see svcfw.files.disk.reader). Raises TransferError if the checksum does not match.
        """
        if not self._is_verified and self._hash.digest() != digest:
            self._token = None  # not to be resumed
            raise TransferError('%s: checksum mismatch. Send it again' % self.path)
        self._apply(wanted)
        if wanted.durable:
            os.fsync(self._file.fd)
        self._file.put_in_place()
        if wanted.durable:
            _sync_folder(os.path.dirname(self._place))
        now = identity(os.fstat(self._file.fd))
        self._file.close()
        return now

    def abandon(self):
        """Give up; what has arrived is kept if it can be resumed. Idempotent; no-op after `finish`."""
        if self._file.fd >= 0 and self._token is not None and self.offset >= MIN_RESUMED_BYTES:
            self._file.close()
        elif self._file.fd >= 0:
            self._file.abandon()

    def discard(self):
        """Give up and keep nothing. Idempotent; no-op after `finish` and `abandon`."""
        self._token = None
        self.abandon()

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
        metadata.apply(self._file.fd, uid, gid, mode, times_ns)

    def _keep_owner(self, present):
        mine = os.fstat(self._file.fd)
        if (mine.st_uid, mine.st_gid) != (present.st_uid, present.st_gid):
            try:
                os.fchown(self._file.fd, present.st_uid, present.st_gid)
            except PermissionError:
                pass  # keep ours, as editors do when they rewrite a file

    # -- the temporary file

    def _open_partial(self):
        folder, name = os.path.split(self._place)
        # Names may be 255 bytes long, so the temporary name does not contain ours.
        stem = os.path.join(folder, b'.svcfw-' + hashlib.sha256(name).hexdigest()[:16].encode())
        if self._token is not None:
            partial = stem + b'-' + hashlib.sha256(self._token).hexdigest()[:16].encode()
            fd = self._take_over(partial)
            if fd >= 0:
                return Beside(partial, self._place, fd=fd)
        partial = stem + b'.' + os.urandom(8).hex().encode()
        self._token = None
        return Beside(partial, self._place)

    def _take_over(self, partial):
        """A descriptor of the file to resume, empty if new; -1 if another transfer has it locked."""
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
            os.close(fd)  # the other transfer has just finished it
            return -1
        self._go_on(fd)
        return fd

    def _reopen(self, partial):
        """Open the partial file if it is a file of our own; remove anything else with that name."""
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
    """The number of an account or group, by its name or its number as text. Raises TransferError."""
    number = look_up(name)
    if number is not None:
        return number
    if name.isdigit():
        return int(name)
    raise TransferError('no account or group %s' % name)


def _sync_folder(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
