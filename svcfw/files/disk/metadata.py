"""Metadata of files and folders that are brought here. Python 3.6, standard library."""

import grp
import os
import pwd


class Metadata(object):
    """Sets what entries say of owner, mode and times.

    owner: whether owners are set, by name where there is such an account here, else by number; mode_mask: the bits of
    modes that are set. For one thread at a time. The methods raise OSError.
    """

    def __init__(self, owner, mode_mask):
        self._sets_owner = owner
        self._mode_mask = mode_mask
        self._users = {}
        self._groups = {}

    def apply(self, fd, entry):
        """To the file or folder of a descriptor.

        Owner before mode: a change of owner takes set-id bits away. Times last, for all else changes them.
        """
        if self._sets_owner:
            os.fchown(fd, *self._owner(entry))
        if entry.mode is not None:
            os.fchmod(fd, entry.mode & self._mode_mask)
        if entry.mtime_ns is not None:
            os.utime(fd, ns=(entry.atime_ns, entry.mtime_ns))

    def apply_to_link(self, folder, name, entry):
        """To the symlink `name` in the folder of a descriptor; it has no mode."""
        if self._sets_owner:
            uid, gid = self._owner(entry)
            os.chown(name, uid, gid, dir_fd=folder, follow_symlinks=False)
        if entry.mtime_ns is not None:
            os.utime(name, ns=(entry.atime_ns, entry.mtime_ns), dir_fd=folder, follow_symlinks=False)

    def _owner(self, entry):
        return (
            _number(self._users, pwd.getpwnam, entry.user, entry.uid),
            _number(self._groups, grp.getgrnam, entry.group, entry.gid),
        )


def _number(known, lookup, name, number):
    """The number here of an account that has this name and number elsewhere; each name is looked up once."""
    if not name:
        return number
    if name not in known:
        try:
            known[name] = lookup(name)[2]
        except (KeyError, ValueError):  # no such name, or none that could be
            known[name] = None
    return number if known[name] is None else known[name]
