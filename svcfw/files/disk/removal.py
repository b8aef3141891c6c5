"""Removes folders that belong to this account."""

import os
import stat

from svcfw.files.disk import descriptors


def remove_tree(above, name):
    """Remove the folder `name` (bytes) in the one with the descriptor `above`, as far as possible.

    Any depth, with three descriptors and no recursion: folders found in an inner folder are moved to the top first.
    Symlinks are not followed, even if one is put there meanwhile.
    """
    try:
        top = _open(name, above)
    except OSError:
        return
    try:
        moved = 0
        prefix = os.urandom(8).hex().encode()  # unique names
        pending = _empty(top)
        while pending:
            inner = pending.pop()
            try:
                fd = _open(inner, top)
                try:
                    for each in _empty(fd):
                        moved += 1
                        place = prefix + b'-%d' % moved
                        _move(each, fd, place, top)
                        pending.append(place)
                finally:
                    os.close(fd)
                os.rmdir(inner, dir_fd=top)
            except OSError:
                continue
    except OSError:
        pass
    finally:
        os.close(top)
    try:
        os.rmdir(name, dir_fd=above)
    except OSError:
        pass


def _open(name, above):
    """A descriptor of a folder, made accessible so that it can be emptied."""
    try:
        fd = os.open(name, descriptors.FOLDER | os.O_NOFOLLOW, dir_fd=above)
    except PermissionError:
        _unlock(name, above)
        fd = os.open(name, descriptors.FOLDER | os.O_NOFOLLOW, dir_fd=above)
    try:
        os.fchmod(fd, 0o700)
    except OSError:
        pass
    return fd


def _move(name, source, place, target):
    """Move a folder. rename() changes its '..', so the folder must be writable."""
    try:
        os.rename(name, place, src_dir_fd=source, dst_dir_fd=target)
    except PermissionError:
        _unlock(name, source)
        os.rename(name, place, src_dir_fd=source, dst_dir_fd=target)


def _unlock(name, above):
    """Make a folder of this account accessible that has no permissions even for it.

    chmod() follows symlinks, and fchmodat2() needs Linux 6.6; a path in /proc leads to exactly what was opened.
    """
    flags = getattr(os, 'O_PATH', os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, dir_fd=above)
    try:
        os.chmod('/proc/self/fd/%d' % fd, 0o700)
    finally:
        os.close(fd)


def _empty(fd):
    """Remove everything but folders from a folder; returns the names (bytes) of those."""
    folders = []
    for base in map(os.fsencode, os.listdir(fd)):
        try:
            if stat.S_ISDIR(os.stat(base, dir_fd=fd, follow_symlinks=False).st_mode):
                folders.append(base)
            else:
                os.unlink(base, dir_fd=fd)
        except OSError:
            continue
    return folders
