"""The files that an interpreter reads when it starts, and whether they have changed.

A module run in a process that is days old has to see what a newly started Python would: a package installed, upgraded
or removed meanwhile, a `.pth` file, another sitecustomize, another Python under the same path. All of these change the
stat of one of a few folders and files.
"""

import os
import sys

_CUSTOM = ('sitecustomize', 'usercustomize')


class Watch(object):
    """Detects changes of files and folders (list of str, existing or not) since it was made."""

    def __init__(self, paths):
        self._paths = tuple(dict.fromkeys(paths))
        self._seen = self._look()

    def changed(self):
        """Whether any has changed (bool); takes 1.5 us a path."""
        return self._look() != self._seen

    def _look(self):
        return [identity(path) for path in self._paths]


def identity(path):
    """Identity and version of the file `path` (str); None if it does not exist."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    # ctime shows content that was written in place and got its old mtime back, as by `cp -p`.
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def watched():
    """The files that affect the start of this interpreter: list of str. Takes some 200 us: once, soon after its
    start."""
    paths = [path for path in sys.path if path]
    site = sys.modules.get('site')
    # Not part of sys.path until something is installed there.
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
    """The existing files of imported modules outside the standard library: list of str."""
    standard = os.path.dirname(os.__file__) + os.sep
    files = [getattr(module, '__file__', None) for module in list(sys.modules.values())]
    return [
        path
        for path in files
        if isinstance(path, str)
        and os.path.isabs(path)
        and os.path.exists(path)  # members of payloads do not exist as files
        and not (path.startswith(standard) and '-packages' + os.sep not in path)
    ]


def _path_files(folder):
    """The `.pth` files of a folder, and the folders they add to sys.path if they exist."""
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
