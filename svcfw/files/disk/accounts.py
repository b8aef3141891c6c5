"""Names and numbers of accounts and groups."""

import grp
import pwd


class Accounts(object):
    """Looks up names and numbers, each once: a directory service may be slow. For one thread at a time."""

    def __init__(self):
        self._found = {}

    def user(self, uid):
        """The name (str) of an account, or None."""
        return self._look_up(pwd.getpwuid, uid, 0)

    def group(self, gid):
        """The name (str) of a group, or None."""
        return self._look_up(grp.getgrgid, gid, 0)

    def uid(self, name):
        """The number (int) of an account, or None."""
        return self._look_up(pwd.getpwnam, name, 2)

    def gid(self, name):
        """The number (int) of a group, or None."""
        return self._look_up(grp.getgrnam, name, 2)

    def _look_up(self, function, key, field):
        try:
            return self._found[function, key]
        except KeyError:
            pass
        try:
            found = function(key)[field]
        except (KeyError, ValueError, OverflowError):  # unknown or invalid
            found = None
        self._found[function, key] = found
        return found
