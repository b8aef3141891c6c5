"""What a context of another account starts with in the place of Link and Importer, with the key in its configuration.

The context above it, of the login account, keeps what only it can say: that something is gone, ids for children, and
contents that are named by their digest. Source code it may pass on, where the controller has said what it must be.
"""

import hashlib
import sys
import zlib

from svcfw.core import handles
from svcfw.core.importer import Importer
from svcfw.core.sealed.seal import Seal
from svcfw.core.wire.errors import ChannelError, LinkError
from svcfw.core.wire.frames import DEAD, Frame
from svcfw.core.wire.link import Link

#: Of a module's SHA-256, what the controller says.
DIGEST_BYTES = 16
#: The authority of what is not sealed: no context has this id.
NOBODY = 0xFFFFFFFF


def start(config):
    """(what makes the Importer, the Link) of a context with this configuration: see svcfw.core.entry.main."""
    return SealedImporter, SealedLink(Seal(config.pop('key'), config['id']), config['parents'][0])


class SealedLink(Link):
    """The link to the context above; what is not sealed has no authority."""

    def __init__(self, seal, parent_id):
        Link.__init__(self)
        self._seal = seal
        self._parent_id = parent_id

    def receive_data(self, data):
        """As of Link. LinkError for a frame of any other context than the one above that is not sealed, unless it says
        that there will be no answer."""
        events = Link.receive_data(self, data)
        for event in events:
            if type(event) is Frame and not self._seal.opens(event):
                if event.src != self._parent_id and not event.flags & DEAD:
                    text = 'a frame in the name of context %d came that it did not send' % event.src
                    sys.stderr.write(text + ': another process has this link\n')  # to the log, as this context ends
                    raise LinkError(text)
                event.auth = NOBODY
        return events


class SealedImporter(Importer):
    """Takes from the context above what the controller vouches for, and has the controller send the rest."""

    def __init__(self, router, loader):
        #: {module: the first DIGEST_BYTES of the SHA-256 of its source}
        self._digests = {}
        Importer.__init__(self, router, loader)

    def above(self):
        """The controller (Context)."""
        return self._router.context(self._router.parent_ids[-1])

    def _fetch(self, fullname):
        if fullname in self._digests:
            try:
                found = self._router.parent().request(handles.GET_MODULE, fullname)
                self.accept([module for module in found if self._is_vouched_for(*module)])
            except ChannelError:
                pass  # the controller has it
        if fullname not in self.sources:
            Importer._fetch(self, fullname)

    def _is_vouched_for(self, name, is_package, path, packed):
        found = packed and hashlib.sha256(zlib.decompress(packed)).digest()[:DIGEST_BYTES]
        return bool(found) and found == self._digests.get(name)

    def _on_load_module(self, message):
        """As of Importer; or {module: digest}, once, of those that the context above has."""
        if not message.is_dead:
            value = message.value()
            if type(value) is dict:
                self._digests = value
            else:
                self.accept(value)
