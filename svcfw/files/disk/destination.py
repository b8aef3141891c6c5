"""Destination: a folder to which the entries of a manifest are written.

Neither the sender of the manifest nor an account that can write in the folder can make it touch anything outside:
names are validated twice and only used relative to the descriptor of their folder, which is opened from the root
component by component, without following symlinks.
"""

import errno
import os
import stat

from svcfw.files.disk import descriptors
from svcfw.files.disk.beside import Beside
from svcfw.files.disk.metadata import Metadata
from svcfw.files.disk.paths import encoded, temporary_name
from svcfw.files.disk.removal import remove_tree
from svcfw.files.disk.tree import PIECE_BYTES, Folders, digest_of
from svcfw.files.disk.tree_file import TreeFile, unwritable
from svcfw.files.manifest import DIRECTORY, FILE
from svcfw.service.errors import TransferError

_PERMISSIONS = 0o777
_ALL_BITS = 0o7777


class Destination(object):
    """Writes entries to the folder `root` (str, bytes, PathLike). Other files in it stay.

    A new `root` (its parent must exist) is built in a hidden folder beside it and appears complete at `finish`. In an
    existing one each file appears complete once it has been written.

    owner: set the owners that the entries name, by name, else by number; only as root.
    special_bits: set set-id and sticky bits; not for entries from an untrusted source.

    Entries come from an Unpacker: a folder before its members. Order of calls: `compare`, `make_directories`, the
    others, `finish`; also for parts of the entries at a time. All raise TransferError, which names the file; the caller
    may continue with others or call `abandon`, as leaving a `with` statement by an exception does. Then old files are
    unchanged and temporary ones removed; folders made in an existing `root` stay.

    done: names of completed entries, folders not included.

    For one thread at a time. Keeps a few dozen descriptors open, and one for each TreeFile.
    """

    def __init__(self, root, owner=False, special_bits=False):
        self.done = []
        self._path = os.path.abspath(encoded(os.fspath(root)))
        self._metadata = Metadata(owner and os.geteuid() == 0, _ALL_BITS if special_bits else _PERMISSIONS)
        self._directories = []  # entries, whose metadata is set at the end
        self._underway = set()
        self._above = -1
        self._new = None  # the root until it is complete, a _NewRoot
        try:
            self._folders = Folders(self._open_root())
        except OSError as e:
            self._close_above()
            raise unwritable(self._path, '', e)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.abandon()

    @property
    def is_new(self):
        """Whether the folder does not exist yet."""
        return self._new is not None

    # -- steps

    def compare(self, entries):
        """Indexes (list) of the FILE entries whose content is missing or different here. Changes nothing.

        A file with several hard links counts as missing, to get a file of its own: other links may be outside.
        """
        wanted = [index for index, entry in enumerate(entries) if entry.kind == FILE]
        if self.is_new:
            return wanted
        return [index for index in wanted if not self._has(entries[index])]

    def make_directories(self, entries):
        """Create the entries of kind DIRECTORY. Anything else at such a place, also a symlink to a folder, is an
        error."""
        for entry in entries:
            if entry.kind != DIRECTORY:
                continue
            if entry.name:
                try:
                    self._make_directory(entry)
                except (OSError, ValueError) as e:
                    raise unwritable(self._path, entry.name, e)
            self._directories.append(entry)

    def open(self, entry):
        """The TreeFile to write the content of a FILE entry."""
        try:
            folder, name = self._place(entry)
            incoming = TreeFile(self._path, entry, folder, name, self._metadata, self.is_new, self._over)
        except (OSError, ValueError) as e:
            raise unwritable(self._path, entry.name, e)
        self._underway.add(incoming)
        return incoming

    def write(self, entry, pieces):
        """Write the content of a FILE entry, an iterable of bytes-like."""
        incoming = self.open(entry)
        try:
            for piece in pieces:
                incoming.write(piece)
            incoming.finish()
        finally:
            incoming.abandon()

    def copy(self, entry, original):
        """Write the content of a FILE entry, copied from another entry that is done."""
        try:
            folder, name = self._place(original)
            fd = os.open(name, descriptors.READ | os.O_NOFOLLOW, dir_fd=folder)
        except (OSError, ValueError) as e:
            raise unwritable(self._path, entry.name, e)
        try:
            self.write(entry, _pieces(fd))
        finally:
            os.close(fd)

    def keep(self, entry):
        """Set the metadata of a FILE entry whose content is here already."""
        try:
            folder, name = self._place(entry)
            fd = os.open(name, descriptors.READ | os.O_NOFOLLOW, dir_fd=folder)
            try:
                if not _is_ours(os.fstat(fd)):
                    raise OSError(errno.EINVAL, 'not a regular file with one hard link')
                self._metadata.apply(fd, entry)
            finally:
                os.close(fd)
        except (OSError, ValueError) as e:
            raise unwritable(self._path, entry.name, e)
        self.done.append(entry.name)

    def link(self, entry):
        """Create a SYMLINK entry, with any target; replaces a file or another symlink."""
        try:
            self._link(entry)
        except (OSError, ValueError) as e:
            raise unwritable(self._path, entry.name, e)
        self.done.append(entry.name)

    def finish(self):
        """Finish: set the metadata of folders, the deepest first, then let a new `root` appear."""
        self._abandon_files()
        for entry in reversed(self._directories):
            try:
                self._metadata.apply(self._folders.get(encoded(entry.name)), entry)
            except (OSError, ValueError) as e:
                raise unwritable(self._path, entry.name, e)
        if self._new is not None:
            try:
                self._appear(self._new)
            except OSError as e:
                raise unwritable(self._path, '', e)
        self.abandon()

    def abandon(self):
        """Remove temporary files and close everything. Idempotent; no-op after `finish`."""
        self._abandon_files()
        self._folders.close()
        new, self._new = self._new, None
        if new is not None:
            self.done = []
            new.abandon()
        self._close_above()

    # -- the root

    def _open_root(self):
        try:
            return os.open(self._path, descriptors.FOLDER)
        except FileNotFoundError:
            if os.path.lexists(self._path):
                raise
        above, name = os.path.split(self._path)
        self._above = os.open(above, descriptors.FOLDER)
        self._new = _NewRoot(name, self._above)
        return self._new.root

    def _appear(self, new):
        if not any(not entry.name and entry.mode is not None for entry in self._directories):
            os.fchmod(self._folders.get(b''), new.usual_mode)
        new.put_in_place()
        self._new = None

    def _close_above(self):
        above, self._above = self._above, -1
        if above >= 0:
            os.close(above)

    # -- single entries

    def _over(self, incoming, is_done):
        self._underway.discard(incoming)
        if is_done:
            self.done.append(incoming.name)

    def _abandon_files(self):
        for incoming in list(self._underway):
            incoming.abandon()

    def _place(self, entry):
        """(descriptor of the folder, name in it) of an entry."""
        folder, _, name = encoded(entry.name).rpartition(b'/')
        if name in (b'', b'.', b'..'):
            raise ValueError('empty name of a file')
        return self._folders.get(folder), name

    def _has(self, entry):
        """Whether the content is here. An unreadable file counts as different."""
        try:
            folder, name = self._place(entry)
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if status.st_size != entry.size or not _is_ours(status):
                return False
            fd = os.open(name, descriptors.READ | os.O_NOFOLLOW, dir_fd=folder)
            try:
                return digest_of(fd, entry.size) == entry.digest
            finally:
                os.close(fd)
        except (OSError, ValueError):
            return False

    def _make_directory(self, entry):
        folder, name = self._place(entry)
        try:
            os.mkdir(name, 0o777 if entry.mode is None else 0o700, dir_fd=folder)
        except FileExistsError:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                raise NotADirectoryError(errno.ENOTDIR, 'exists and is not a folder')

    def _link(self, entry):
        folder, name = self._place(entry)
        target = encoded(entry.target)
        if self.is_new:
            os.symlink(target, name, dir_fd=folder)
            self._metadata.apply_to_link(folder, name, entry)
            return
        try:
            if os.fsencode(os.readlink(name, dir_fd=folder)) == target:
                return
        except OSError:  # missing, or not a symlink
            pass
        link = Beside(temporary_name(), name, folder, fd=-1)
        try:
            os.symlink(target, link.temporary, dir_fd=folder)
            self._metadata.apply_to_link(folder, link.temporary, entry)
            link.put_in_place()
        finally:
            link.abandon()


class _NewRoot(Beside):
    """A new folder `name` in the one with the descriptor `above`, hidden and private until it is in its place.

    root: an open descriptor, which is the owner's to close. usual_mode: that of new folders here, for the end.
    """

    __slots__ = ('root', 'usual_mode')

    def __init__(self, name, above):
        temporary = temporary_name()
        os.mkdir(temporary, 0o777, dir_fd=above)
        Beside.__init__(self, temporary, name, above, fd=-1)
        try:
            self.root = os.open(temporary, descriptors.FOLDER | os.O_NOFOLLOW, dir_fd=above)
            try:
                self.usual_mode = stat.S_IMODE(os.fstat(self.root).st_mode)
                os.fchmod(self.root, 0o700)  # fails if another account has replaced the folder by its own
            except OSError:
                os.close(self.root)
                raise
        except OSError:
            self.abandon()
            raise

    def abandon(self):
        """As of Beside, with what is in it."""
        temporary, self._temporary = self._temporary, None
        if temporary is not None:
            remove_tree(self._folder, temporary)


def _pieces(fd):
    """The rest of a descriptor's file, piece by piece (bytes). Raises TransferError if it cannot be read."""
    while True:
        try:
            data = os.read(fd, PIECE_BYTES)
        except OSError as e:
            raise TransferError('cannot read a file that was just written: %s' % e.strerror) from e
        if not data:
            return
        yield data


def _is_ours(status):
    """Whether this is a regular file with one hard link: changed metadata would be seen at other links."""
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1
