"""A job's condition: it runs only if a file is another one than that which it would put in its place.

So whoever copies a file need not ask first, which costs a round trip: see svcfw.ansible.copies.one_trip. What a job
says whose condition does not hold is what the module `stat` would have said of the file, as far as anybody asks.
"""

import hashlib
import json
import os
import stat
import sys

from svcfw.agent.warm import locales

#: The one key of what is said in the place of a module's result.
KEY = 'svcfw_condition'


def require(condition):
    """Return if a Condition (job.py) holds; else say why on standard output, and exit."""
    said = _objection(locales.encoded(condition.path), condition.follow, condition.size, condition.sha1)
    if said is not None:
        print(json.dumps({KEY: said}))
        sys.exit(0)


def _objection(path, follow, size, sha1):
    """None if the file is not there, or is one of another content. Else {'stat': ..., 'nofollow': ...}: None if that
    cannot be told."""
    try:
        found = os.stat(path) if follow else os.lstat(path)
        said = _told(path, found, size)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {'stat': None, 'nofollow': None}
    if not said['isdir'] and said['checksum'] != sha1:
        return None
    return {'stat': said, 'nofollow': _told(path, os.lstat(path), size)}


def _told(path, found, size):
    is_link = stat.S_ISLNK(found.st_mode)
    told = {'exists': True, 'isdir': stat.S_ISDIR(found.st_mode), 'islnk': is_link, 'checksum': ''}
    if is_link:
        told['lnk_source'] = os.path.realpath(path).decode('utf-8', 'surrogateescape')
    # One of another size need not be read.
    if stat.S_ISREG(found.st_mode) and found.st_size == size and os.access(path, os.R_OK):
        with open(path, 'rb') as file:
            told['checksum'] = hashlib.sha1(file.read()).hexdigest()
    return told
