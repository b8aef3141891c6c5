"""What an interpreter finds on the disk when it starts: where that is, and whether it has changed since.

A module run in a process that has been alive for days has to see what a newly started Python would: a package
installed, upgraded or removed meanwhile, a `.pth` file, another sitecustomize, another Python under the same path. All
of them change the stat of one of a few folders and files.
"""

import os
import sys

_CUSTOM = ('sitecustomize', 'usercustomize')


class Watch(object):
    """Whether any of some files and folders (list of str, present or not) is another one than when this was made."""

    def __init__(self, paths):
        self._paths = tuple(dict.fromkeys(paths))
        self._seen = self._look()

    def changed(self):
        """Compare (bool); 1.5 us a path."""
        return self._look() != self._seen

    def _look(self):
        return [identity(path) for path in self._paths]


def identity(path):
    """A value that is another one once `path` (str) is another file, or has other content; None if there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    # The change time tells of content that was written in place and got its old time back, as `cp -p` does.
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def watched():
    """What decides how this interpreter starts: list of str. Some 200 us: once for a process, soon after its start."""
    paths = [path for path in sys.path if path]
    site = sys.modules.get('site')
    # These are no part of sys.path until something is installed into them.
    paths += getattr(site, 'getsitepackages', list)()
    user_site = getattr(site, 'USER_SITE', None)
    if getattr(site, 'ENABLE_USER_SITE', None) and user_site:
        paths.append(user_site)
    for folder in list(dict.fromkeys(paths)):
        paths += _path_files(folder)
    paths += [getattr(sys.modules.get(name), '__file__', None) or '' for name in _CUSTOM]
    paths += [sys.executable or '', os.path.join(sys.prefix, 'pyvenv.cfg')]
    return list(dict.fromkeys(path for path in paths if path))


def foreign_files():
    """The files of imported modules that are there and no part of the standard library: list of str."""
    standard = os.path.dirname(os.__file__) + os.sep
    files = [getattr(module, '__file__', None) for module in list(sys.modules.values())]
    return [
        path
        for path in files
        if isinstance(path, str)
        and os.path.isabs(path)
        and os.path.exists(path)  # the members of payloads are not
        and not (path.startswith(standard) and '-packages' + os.sep not in path)
    ]


def _path_files(folder):
    """The `.pth` files of a folder, and what they add to sys.path once it is there."""
    try:
        names = [name for name in os.listdir(folder) if name.endswith('.pth')]
    except OSError:
        return []
    found = []
    for name in names:
        path = os.path.join(folder, name)
        found.append(path)
        try:
            with open(path, encoding='utf-8', errors='surrogateescape') as lines:
                words = [line.strip() for line in lines]
        except OSError:
            continue
        found += [os.path.join(folder, word) for word in words if word and not word.startswith(('#', 'import '))]
    return found
