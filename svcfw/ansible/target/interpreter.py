"""Is the interpreter that a job names the one that runs here?"""

import os
import shutil
import sys


def hosts(words):
    """True if starting `words` (list of str, a shebang's) would give an interpreter like this one (bool).

    The same file is not enough: started from within a virtual environment it is another one, with other packages.
    """
    path = program(words)
    if path is None or not sys.executable or sys.flags.isolated or sys.flags.no_site:
        return False
    return os.path.realpath(path) == os.path.realpath(sys.executable) and _environment(path) == _environment(
        sys.executable
    )


def program(words):
    """The file that the words start, None if there is more to them than the name of a program."""
    if words[:1] == ['/usr/bin/env']:
        words = words[1:]
    if len(words) != 1 or words[0].startswith('-') or '=' in words[0]:
        return None
    return shutil.which(words[0])


def _environment(path):
    """The virtual environment's folder to which an interpreter belongs by its place, or None (PEP 405)."""
    folder = os.path.dirname(os.path.abspath(path))
    for place in (folder, os.path.dirname(folder)):
        if os.path.exists(os.path.join(place, 'pyvenv.cfg')):
            return os.path.realpath(place)
    return None
