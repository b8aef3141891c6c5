"""Heartbeat: tells agents that the controller is there; one that hears nothing for long ends (agent/links/silence.py).

An agent believes who proves to be the one that it has heard before: each time it is told the hash of the next proof.
So what another process has seen of a link, or a link that it has taken, is no use once the multiplexer is gone.
Loop thread only.
"""

import hashlib
import os
from collections.abc import Iterable

from svcfw.mux.server.node import Node

BEAT_S = 10.0
#: How long an agent that is not used may hear nothing, beyond the idle time: as long as clients wait for a silent
#: multiplexer (client/line.py).
SILENCE_S = 60.0


class Heartbeat:
    """Of all nodes of one multiplexer; `beat` is to be called every BEAT_S."""

    def __init__(self) -> None:
        self._proofs: dict[Node, bytes] = {}

    def beat(self, roots: Iterable[Node], idle_timeout_s: float) -> None:
        nodes = [node for root in roots for node in (root, *root.all_children())]
        up = [node for node in nodes if node.facts is not None and not node.dead]
        proofs = {node: os.urandom(32) for node in up}
        for node, proof in proofs.items():
            node.say_alive(idle_timeout_s + SILENCE_S, self._proofs.get(node, b''), hashlib.sha256(proof).digest())
        self._proofs = proofs
