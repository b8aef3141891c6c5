"""Removing a folder that is this account's own. Python 3.6, standard library."""

import os
import stat

from svcfw.service.tree import FOLDER_FLAGS


def remove_tree(above, name):
    """Remove the folder `name` (bytes) in the one with the descriptor `above`, as far as that is possible.

    However deep it is, with three descriptors and no recursion: what is found in an inner folder and is a folder itself
    is moved up to the top first. Links are removed, not followed.
    """
    try:
        top = os.open(name, FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=above)
    except OSError:
        return
    try:
        os.fchmod(top, 0o700)
        moved = 0
        prefix = os.urandom(8).hex().encode()  # no name that is there
        pending = _empty(top)
        while pending:
            inner = pending.pop()
            try:
                os.chmod(inner, 0o700, dir_fd=top)
                fd = os.open(inner, FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=top)
                try:
                    for each in _empty(fd):
                        moved += 1
                        place = prefix + b'-%d' % moved
                        os.chmod(each, 0o700, dir_fd=fd)  # a folder that is moved has its '..' written
                        os.rename(each, place, src_dir_fd=fd, dst_dir_fd=top)
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
