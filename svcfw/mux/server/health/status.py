"""What `svcfw status` shows: contexts by host, what is asked of them and since when, and what is held for them.

Names of hosts and accounts, operations and numbers alone: no argument of a request, no option of a link.
"""

import os
from collections.abc import Iterable
from typing import Any, Protocol

from svcfw.mux.server.node import Node


class Client(Protocol):
    """A session."""

    def held_bytes(self) -> int: ...


def status(now: float, started_at: float, roots: Iterable[Node], clients: Iterable[Client]) -> dict[str, Any]:
    """The answer to protocol.STATUS, but its clients; `now` as of the loop's clock."""
    held = [client.held_bytes() for client in clients]
    return {
        'pid': os.getpid(),
        'age_s': now - started_at,
        'clients': len(held),
        'clients_bytes': sum(held),
        'contexts': [_context(now, node) for node in roots],
    }


def _context(now: float, node: Node) -> dict[str, Any]:
    link = None if node.context is None else node.router.link_for(node.context.id)
    is_root = node is node.root
    return {
        'name': node.name,
        'account': '' if node.facts is None else node.facts['user'],
        'state': _state(node),
        'age_s': now - node.began_at,
        'idle_s': now - node.idle_since() if node.is_idle() else 0.0,
        'calls': [(operation, now - since) for operation, since in node.calls()],
        'wait_for_it': node.waiters(),
        #: In the multiplexer's memory, for this host; sent there and not acknowledged; contents that its agent keeps.
        'queued_bytes': link.queued_bytes if link is not None and is_root else 0,
        'under_way_bytes': node.flow.under_way() if is_root else 0,
        'kept_there_bytes': node.remote_cache.kept_bytes(),
        'children': [_context(now, child) for child in node.all_children()],
    }


def _state(node: Node) -> str:
    if node.dead:
        return 'ends'
    if node.facts is None:
        return 'starts'
    return 'ends when done' if node.is_retired else 'up'
