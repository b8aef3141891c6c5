"""A parent between two children, one of which does as it likes."""

from typing import Any

from svcfw.core.wire.frames import Frame
from tests.support.routers import Peer, Served


def encoded(served: Served, value: Any) -> bytes:
    return served.router.codec.encode(value)


def settled(top: Served, peer: Peer) -> None:
    """Return once the router has dealt with all that the peer has sent."""
    peer.send(Frame(0, 1, 1, 499, 999))
    while peer.receive().handle != 999:
        pass
