"""SharedStore: the store of a context whose siblings on this host share what they have received.

Each asks the context above (svcfw.agent.links.keeper) before it has a content sent. That knows where the others have
put it, or has the sibling that asks first fetch it, and the rest wait for that one. The content itself is read from the
sibling's file, and verified: who is above holds places alone, and small contents.

Messages to the handle SHARED there:
    (SEEK, digest)                  answered: (path or None, content or None), or None: fetch it
    (KEEP, digest, path, content)   it is there: at this path (None: nowhere), or this is it (None: it is too large)
    (GIVE_UP, digest)               it was not fetched
    (LOST, digest)                  it is not where it was said to be
"""

import os

from svcfw.core import beside
from svcfw.files.disk.paths import decoded, encoded
from svcfw.files.store.store import Store

SEEK, KEEP, GIVE_UP, LOST = 'seek', 'keep', 'give up', 'lost'
#: Contents up to this size are held above, where no file has them.
MAX_CONTENT_BYTES = 1024 * 1024
#: How often a place may turn out to be wrong.
_TRIES = 3


class SharedStore(Store):
    """above: the Context that is asked; temporary(): a folder whose files are moved or removed soon (str or None).

    For one transfer of one content at a time: who waits for a sibling must hold up nobody.
    """

    def __init__(self, above, temporary):
        Store.__init__(self)
        self._above = above
        self._temporary = temporary
        #: Digests of what the others wait for.
        self._sought = set()
        #: {path of a temporary file: digest}
        self._moving = {}

    def of_size(self, size):
        """Never empty: others may have a content of any size, so its digest has to be asked for."""
        return Store.of_size(self, size) or {b''}

    def holds(self, digest):
        """Whether it can be had here. If not, the others wait until it is told of, or `give_up` is called."""
        for _ in range(_TRIES):
            if self.holds_itself(digest):
                return True
            found = self._above.request(beside.SHARED, (SEEK, digest))
            if found is None:
                self._sought.add(digest)
                return False
            self._take(digest, *found)
            if self.holds_itself(digest):
                return True
            self._tell(LOST, digest)
        return False

    def get(self, digest):
        return Store.get(self, digest) if self.holds(digest) else None

    def copy_to(self, digest, out_fd, offset=0):
        is_done = Store.copy_to(self, digest, out_fd, offset)
        if not is_done:
            self._tell(LOST, digest)
        return is_done

    def put(self, digest, content):
        Store.put(self, digest, content)
        if digest in self._sought and len(content) <= MAX_CONTENT_BYTES:
            self._keep(digest, None, bytes(content))

    def refer(self, digest, path):
        Store.refer(self, digest, path)
        if digest in self._sought:
            path = os.path.abspath(decoded(os.fspath(path)))
            temporary = self._temporary()
            if temporary and path.startswith(os.path.join(os.path.abspath(temporary), '')):
                self._moving[path] = digest
            else:
                self._keep(digest, path, None)

    def moved(self, path, to):
        """A file that was received at `path` is at `to` now."""
        digest = self._moving.pop(os.path.abspath(decoded(os.fspath(path))), None)
        if digest is not None:
            self._keep(digest, os.path.abspath(decoded(os.fspath(to))), None)

    def give_up(self):
        """A transfer has ended: what it did not bring is to be fetched by another."""
        for digest in self._sought.difference(self._moving.values()):
            self._sought.discard(digest)
            self._tell(GIVE_UP, digest)

    def _take(self, digest, path, content):
        if content is not None:
            Store.put(self, digest, content)
        elif os.access(encoded(path), os.R_OK):
            Store.refer(self, digest, path)

    def _keep(self, digest, path, content):
        self._sought.discard(digest)
        self._tell(KEEP, digest, path, content)

    def _tell(self, *message):
        self._above.send(beside.SHARED, message)
