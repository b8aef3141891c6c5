"""Gate: where processes of commands knock that want to be contexts, since no descriptor reaches them.

Between a command and the module that it runs there may be any number of processes (async_wrapper closes what it does
not know), so these are told a name and a pass by a variable. The name is that of a socket which is no file; the pass is
a secret that stands for one command, and counts for processes of this account alone. Loaded when a command comes whose
client offers something. Linux only: elsewhere no process gets the variable. Loop thread only.
"""

import os
import socket
import struct
import sys
from collections import OrderedDict

from svcfw.agent.links.door import Door

VARIABLE = 'SVCFW_LINK'
#: Of a pass, in hex digits.
PASS_BYTES = 32
#: Commands whose processes may still come: the oldest are forgotten first.
MAX_PASSES = 10000
#: How many may have come in and not shown a pass yet, and for how long.
MAX_WAITING, WAIT_S = 64, 5.0
_UCRED = struct.Struct('3i')


class Gate:
    """on_knock(door): as of Door, whose key is that of the command."""

    def __init__(self, loop, on_knock):
        self._loop = loop
        self._on_knock = on_knock
        self._keys = OrderedDict()
        self._waiting = set()
        self._name = self._listener = None
        if sys.platform.startswith('linux'):
            self._listen()

    def variables(self, key):
        """What a command's environment needs for its processes to get in (dict)."""
        if self._name is None:
            return {}
        shown = os.urandom(PASS_BYTES // 2).hex()
        self._keys[shown.encode()] = key
        if len(self._keys) > MAX_PASSES:
            self._keys.popitem(last=False)
        return {VARIABLE: '@%s %s' % (self._name, shown)}

    def close(self):
        """Accept no more connections. Idempotent."""
        self._name = None
        for peer in list(self._waiting):
            self._turn_away(peer)
        if self._listener is not None:
            self._loop.watch(self._listener.fileno())
            self._listener.close()
            self._listener = None

    def _listen(self):
        name = 'svcfw-' + os.urandom(16).hex()
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind('\0' + name)
            listener.listen(MAX_WAITING)
        except OSError:
            listener.close()
            return
        listener.setblocking(False)
        self._name, self._listener = name, listener
        self._loop.watch(listener.fileno(), self._on_connect)

    def _on_connect(self):
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return
        uid = _UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))[1]
        if uid != os.getuid() or len(self._waiting) >= MAX_WAITING:
            peer.close()
            return
        peer.setblocking(False)
        self._waiting.add(peer)
        self._loop.watch(peer.fileno(), lambda: self._on_pass(peer))
        self._loop.call_later(WAIT_S, lambda: self._turn_away(peer))

    def _on_pass(self, peer):
        try:
            key = self._keys.get(peer.recv(PASS_BYTES))
        except OSError:
            key = None
        if key is None:
            self._turn_away(peer)
            return
        self._forget(peer)
        Door(self._loop, peer.detach(), key, self._on_knock)

    def _turn_away(self, peer):
        if peer in self._waiting:
            self._forget(peer)
            peer.close()

    def _forget(self, peer):
        self._waiting.discard(peer)
        self._loop.watch(peer.fileno())
