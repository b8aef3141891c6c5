"""Owner, mode and times of files and folders."""

import os

from svcfw.files.disk.accounts import Accounts


def apply(fd, uid=-1, gid=-1, mode=None, times_ns=None):
    """Set what is given for the file or folder `fd`; times_ns: (atime, mtime). Raises OSError.

    Owner before mode: chown() clears set-id bits. Times last: everything else changes them.
    """
    if uid != -1 or gid != -1:
        os.fchown(fd, uid, gid)
    if mode is not None:
        os.fchmod(fd, mode)
    if times_ns is not None:
        os.utime(fd, ns=times_ns)


def umask():
    """The umask of this process (int), read from /proc if possible: os.umask() sets it for a moment, for all
    threads."""
    try:
        with open('/proc/self/status', 'rb') as status:
            for line in status:
                if line.startswith(b'Umask:'):
                    return int(line.split()[1], 8)
    except OSError:
        pass
    return 0o022


class Metadata(object):
    """Applies the owner, mode and times of manifest entries.

    owner: whether to set owners, by name where the account exists here, else by number; mode_mask: mode bits to set.
    For one thread at a time. The methods raise OSError.
    """

    def __init__(self, owner, mode_mask):
        self._sets_owner = owner
        self._mode_mask = mode_mask
        self._accounts = Accounts()

    def apply(self, fd, entry):
        """Apply an entry's metadata to the file or folder `fd`."""
        uid, gid = self._owner(entry) if self._sets_owner else (-1, -1)
        mode = None if entry.mode is None else entry.mode & self._mode_mask
        apply(fd, uid, gid, mode, _times_ns(entry))

    def apply_to_link(self, folder, name, entry):
        """Set the metadata of the symlink `name` in the folder with the descriptor `folder`; a symlink has no mode."""
        if self._sets_owner:
            uid, gid = self._owner(entry)
            os.chown(name, uid, gid, dir_fd=folder, follow_symlinks=False)
        if entry.mtime_ns is not None:
            os.utime(name, ns=_times_ns(entry), dir_fd=folder, follow_symlinks=False)

    def _owner(self, entry):
        uid = self._accounts.uid(entry.user) if entry.user else None
        gid = self._accounts.gid(entry.group) if entry.group else None
        return entry.uid if uid is None else uid, entry.gid if gid is None else gid


def _times_ns(entry):
    return None if entry.mtime_ns is None else (entry.atime_ns, entry.mtime_ns)
