"""Removing a folder that is this account's own. Python 3.6, standard library."""

import os
import stat

from svcfw.files.disk import descriptors


def remove_tree(above, name):
    """Remove the folder `name` (bytes) in the one with the descriptor `above`, as far as that is possible.

    However deep it is, with three descriptors and no recursion: what is found in an inner folder and is a folder itself
    is moved up to the top first. Links are neither followed nor, should one be put there underway, changed beyond.
    """
    try:
        top = _open(name, above)
    except OSError:
        return
    try:
        moved = 0
        prefix = os.urandom(8).hex().encode()  # no name that is there
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
    """A descriptor of a folder that may be emptied from now on."""
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
    """Move a folder; its '..' is written, for which it has to be writable."""
    try:
        os.rename(name, place, src_dir_fd=source, dst_dir_fd=target)
    except PermissionError:
        _unlock(name, source)
        os.rename(name, place, src_dir_fd=source, dst_dir_fd=target)


def _unlock(name, above):
    """Make a folder of our own accessible that is closed even to us.

    chmod() follows links, and there is no other before Linux 6.6; /proc leads to what was opened and nowhere else.
    """
    flags = getattr(os, 'O_PATH', os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, dir_fd=above)
    try:
        os.chmod('/proc/self/fd/%d' % fd, 0o700)
    finally:
        os.close(fd)


def _empty(fd):
    """Remove all but the folders from a folder; returns the names (bytes) of those."""
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
