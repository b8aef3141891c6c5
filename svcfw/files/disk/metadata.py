"""Owner, mode and times of files and folders that are written here."""

import os

from svcfw.files.disk.accounts import Accounts


def apply(fd, uid=-1, gid=-1, mode=None, times_ns=None):
    """Set what is given for the file or folder of a descriptor; times_ns: (atime, mtime). OSError.

    Owner before mode: a change of owner takes set-id bits away. Times last, for all else changes them.
    """
    if uid != -1 or gid != -1:
        os.fchown(fd, uid, gid)
    if mode is not None:
        os.fchmod(fd, mode)
    if times_ns is not None:
        os.utime(fd, ns=times_ns)


def umask():
    """The umask of this process (int). Read where possible: os.umask() changes it for a moment, for all threads."""
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

    owner: whether owners are set, by name where there is such an account here, else by number; mode_mask: the bits of
    modes that are set. For one thread at a time. The methods raise OSError.
    """

    def __init__(self, owner, mode_mask):
        self._sets_owner = owner
        self._mode_mask = mode_mask
        self._accounts = Accounts()

    def apply(self, fd, entry):
        """To the file or folder of a descriptor."""
        uid, gid = self._owner(entry) if self._sets_owner else (-1, -1)
        mode = None if entry.mode is None else entry.mode & self._mode_mask
        apply(fd, uid, gid, mode, _times_ns(entry))

    def apply_to_link(self, folder, name, entry):
        """To the symlink `name` in the folder of a descriptor; it has no mode."""
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
