"""The interpreter that a job names: its program, the files that affect it, and whether it is the running one."""

import os
import re
import shutil
import sys

from svcfw.agent import site_state

#: Programs that select a Python by version files (pyenv, asdf, mise) are in a folder of this name. Names of those files
#: below the home, and beside that folder:
_SHIMS = 'shims'
_HOME_VERSION_FILES = ('.python-version', '.tool-versions', '.config/mise/config.toml')
_SHIMS_VERSION_FILE = 'version'
#: Bytes of a script that are searched for names of files.
_MAX_SCRIPT_BYTES = 16 * 1024
#: A path, and a sign that it is written to.
_NAMED_FILE = re.compile(r'(>[>|&]?\s*)?["\']?(/[\w./+@%-]+)')


class Own(object):
    """The running interpreter, as it was soon after its start. One for a process."""

    def __init__(self):
        self._real = os.path.realpath(sys.executable) if sys.executable else None
        self._identity = site_state.identity(sys.executable or '')
        self._environment = _environment(sys.executable or '')
        self._watch = site_state.Watch(site_state.watched())

    def hosts(self, path):
        """True if starting the program `path` now would give an interpreter like this one (bool).

        The same file is not enough: started from within a virtual environment it has other packages.
        """
        if self._identity is None or sys.flags.isolated or sys.flags.no_site:
            return False
        return (
            os.path.realpath(path) == self._real
            and site_state.identity(path) == self._identity
            and _environment(path) == self._environment
            and not self.changed()
        )

    def changed(self):
        """Whether starting it again would give a different one (bool); takes some 30 us."""
        return self._watch.changed()


def program(words):
    """The file that a shebang's words (strings) start; None if they are more than the name of a program."""
    words = list(words)
    if words[:1] == ['/usr/bin/env']:
        del words[0]
    if len(words) != 1 or words[0].startswith('-') or '=' in words[0]:
        return None
    return shutil.which(words[0])


def deciding(path):
    """The files that decide which interpreter the program `path` is, apart from what that one reads: list of str.

    The program itself, the place of a virtual environment (PEP 405), and the files that a script names. Other
    influences on a script are not visible.
    """
    folder = os.path.dirname(os.path.abspath(path))
    paths = [path] + [os.path.join(place, 'pyvenv.cfg') for place in (folder, os.path.dirname(folder))]
    if os.path.basename(folder) == _SHIMS:
        home = os.path.expanduser('~')
        paths += [os.path.join(home, name) for name in _HOME_VERSION_FILES]
        paths.append(os.path.join(os.path.dirname(folder), _SHIMS_VERSION_FILE))
    return paths + _named_by_script(path)


def _named_by_script(path):
    try:
        with open(path, 'rb') as opened:
            head = opened.read(_MAX_SCRIPT_BYTES)
    except OSError:
        return []
    if not head.startswith(b'#!'):
        return []
    return [path for written, path in _NAMED_FILE.findall(head.decode('utf-8', 'replace')) if not written]


def _environment(path):
    """The folder of the virtual environment that contains an interpreter, or None."""
    folder = os.path.dirname(os.path.abspath(path))
    for place in (folder, os.path.dirname(folder)):
        if os.path.exists(os.path.join(place, 'pyvenv.cfg')):
            return os.path.realpath(place)
    return None
