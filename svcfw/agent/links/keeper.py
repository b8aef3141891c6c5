"""Keeper: what modules of one account have fetched, so that each content crosses the link to this host once.

It holds places of files, which whoever reads them verifies, and some small contents; svcfw.files.store.shared has the
messages, and the modules' side. Modules of one account can read each other's files anyway. Loop thread only.
"""

from svcfw.core import beside
from svcfw.core.message import shaped
from svcfw.files.store.lru import Lru
from svcfw.files.store.shared import GIVE_UP, KEEP, LOST, MAX_CONTENT_BYTES, SEEK

MAX_PATHS = 4096
MAX_CONTENTS, MAX_BYTES = 1024, 16 * 1024 * 1024
#: For how long one waits for another that fetches what it wants, too.
WAIT_S = 300.0


class Keeper(object):
    """Serves the children of one router."""

    def __init__(self, router):
        self._router = router
        self._paths = Lru(MAX_PATHS, None)
        self._contents = Lru(MAX_CONTENTS, MAX_BYTES)
        #: {digest: the id of the child that fetches it now}
        self._fetching = {}
        #: {digest: [Message of one that waits]}
        self._waiting = {}
        router.add_handler(self._on_message, beside.SHARED, policy=lambda message: message.src_id in router.child_ids)

    def _on_message(self, message):
        if message.is_dead:
            return
        value = message.value()
        kind = value[0] if type(value) is tuple and value else None
        if kind == KEEP:
            _, digest, path, content = shaped(value, (str, bytes, (str, type(None)), (bytes, type(None))))
            self._keep(digest, path, content)
            return
        kind, digest = shaped(value, (str, bytes))
        if kind == SEEK:
            self._seek(message, digest)
        elif kind == GIVE_UP:
            self._give_up(digest, message.src_id)
        elif kind == LOST:
            self._paths.drop(digest)
            self._contents.drop(digest)

    def _seek(self, message, digest):
        found = self._found(digest)
        if found is not None:
            message.reply(found)
        elif self._fetching.get(digest, message.src_id) == message.src_id:
            self._let_fetch(message, digest)
        else:
            self._waiting.setdefault(digest, []).append(message)
            self._router.loop.call_later(WAIT_S, lambda: self._wait_no_longer(message, digest))

    def _found(self, digest):
        path, content = self._paths.get(digest), self._contents.get(digest)
        return None if path is None and content is None else (path, content)

    def _let_fetch(self, message, digest):
        self._fetching[digest] = child_id = message.src_id
        self._router.on_gone(self._router.context(child_id), lambda reason: self._give_up(digest, child_id))
        message.reply(None)

    def _keep(self, digest, path, content):
        if path is not None:
            self._paths.put(digest, 0, path)
        elif content is not None and len(content) <= MAX_CONTENT_BYTES:
            self._contents.put(digest, len(content), content)
        self._fetching.pop(digest, None)
        found = self._found(digest)
        for message in self._waiting.pop(digest, []):
            message.reply(found)

    def _give_up(self, digest, child_id):
        """That child does not fetch it any more: the next one does. No-op if another one does."""
        if self._fetching.get(digest) != child_id:
            return
        del self._fetching[digest]
        waiting = self._waiting.get(digest)
        if waiting:
            message = waiting.pop(0)
            if not waiting:
                del self._waiting[digest]
            self._let_fetch(message, digest)

    def _wait_no_longer(self, message, digest):
        waiting = self._waiting.get(digest, [])
        if message in waiting:
            waiting.remove(message)
            message.reply(None)
