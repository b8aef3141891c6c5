"""Grants: which files other contexts may fetch."""

import _thread
import os

from svcfw.files.disk.paths import encoded


class Grant(object):
    """One permission; made by `Grants.add`."""

    def __init__(self, grants, path, is_prefix, context_id):
        self._grants = grants
        self.path = path
        self.is_prefix = is_prefix
        self.context_id = context_id

    def revoke(self):
        """Admit no further transfers; a running one continues. Idempotent. Any thread."""
        self._grants.remove(self)

    def covers(self, path, context_id):
        if self.context_id not in (None, context_id):
            return False
        return path == self.path or (self.is_prefix and path.startswith(self.path.rstrip(b'/') + b'/'))


class Grants(object):
    """All permissions that one context gave. Any thread."""

    def __init__(self):
        self._lock = _thread.allocate_lock()
        self._files = {}  # by path: there may be one for each file
        self._prefixes = []

    def add(self, path, context, is_prefix=False):
        """Permit a file, or all files below a folder, to `context` (None: to every context that can reach this one).

        Symlinks in `path` are resolved now. Returns the Grant. Raises FileNotFoundError.
        """
        real = os.path.realpath(encoded(path))
        os.stat(real)
        grant = Grant(self, real, is_prefix, None if context is None else context.id)
        with self._lock:
            if is_prefix:
                self._prefixes.append(grant)
            else:
                self._files.setdefault(real, []).append(grant)
        return grant

    def remove(self, grant):
        with self._lock:
            grants = self._prefixes if grant.is_prefix else self._files.get(grant.path, [])
            if grant in grants:
                grants.remove(grant)
            if not grants:
                self._files.pop(grant.path, None)

    def find(self, path, context_id):
        """The resolved path (bytes) that a context may open, to be opened with O_NOFOLLOW; None if not permitted."""
        real = os.path.realpath(encoded(path))
        with self._lock:
            grants = self._files.get(real, []) + self._prefixes
            return real if any(grant.covers(real, context_id) for grant in grants) else None
