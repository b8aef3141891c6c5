"""What an interpreter finds on the disk when it starts, as a value that changes when that does.

A module run in a process that has been alive for days has to see what a newly started Python would: a package installed
meanwhile, a `.pth` file, another Python under the same path. All of them change a folder's or a file's stat.
"""

import os
import sys


def snapshot():
    """A hashable value, to be compared with an earlier one (some 10 stat calls, 30 us)."""
    paths = [path for path in sys.path if path]
    site = sys.modules.get('site')
    # The user's own folder is no part of sys.path until something is installed into it.
    user_site = getattr(site, 'USER_SITE', None)
    if getattr(site, 'ENABLE_USER_SITE', None) and user_site and user_site not in paths:
        paths.append(user_site)
    return tuple(_identity(path) for path in paths + [sys.executable or ''])


def _identity(path):
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return (path,)
    return (path, status.st_dev, status.st_ino, status.st_mtime_ns)
