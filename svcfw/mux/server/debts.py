"""Debts: what one client's operations hold, and what has become of those that it does not wait for.

A deferred operation is sent and forgotten by its client; the node it went to must not end before it is done. If it
fails, the agent reports that apart from any answer; if its node is gone, no report comes. The next answer that the
client waits for brings either, and what follows in the same session is dropped until then.
"""

from collections.abc import Hashable

from svcfw.agent import ops, requests
from svcfw.core.wire.errors import ChannelError, Error
from svcfw.mux.server.node import Node

#: (operation, path, status, cause)
Failure = tuple[str, str, int, str]

#: Names of failed operations at the client.
_CLIENT_METHOD = {
    ops.PUT: 'put_file', ops.PUT_HELD: 'put_file', ops.FETCH: 'fetch_file', ops.COMMAND: 'run_command',
    ops.MODULE: 'run_module',
}  # fmt: skip


class Debts:
    """Those of one client, known to agents by `session`. Loop thread only."""

    def __init__(self, session: int) -> None:
        self._session = session
        #: Nodes that the client uses: agents there are told when it leaves.
        self._used: set[Node] = set()
        #: Those with operations that may not be done yet, and those that the current request holds.
        self._owing: set[Node] = set()
        self._held: set[Node] = set()
        #: From now on: a context of this client changes all the time.
        self.takes_stale = False
        self._failure: Failure | None = None  # reported by an agent
        self._refusal: Error | None = None  # why a deferred operation could not be sent

    # -- nodes

    def uses(self, node: Node) -> None:
        """The client uses this node, which is up: it gets failures there, and tells the agent when it leaves."""
        self._used.add(node)
        if self.takes_stale or node.is_last_resort():
            node.tell(self._session, requests.Anyway())

    def forget_dead(self) -> None:
        """Nodes that have ended are used no more."""
        self._used = {node for node in self._used if not node.dead}

    def leave(self) -> None:
        """The client is gone: tell the agents, after what it sent before."""
        for node in self._used:
            if node.facts is not None and not node.dead:
                node.tell(self._session, requests.End())
        self.forgive()

    def hold(self, request: Hashable, node: Node) -> None:
        """Prevent this node's end until `let_go(request)`."""
        self._held.add(node)
        node.hold(request)

    def let_go(self, request: Hashable) -> None:
        """The request is settled."""
        held, self._held = self._held, set()
        for node in held:
            node.release(request)

    def has_any(self) -> bool:
        """Whether a deferred operation may not be done yet."""
        return bool(self._owing)

    def is_at(self, node: Node) -> bool:
        """Whether a request or a deferred operation may still be carried out at this node."""
        return node in self._held or node in self._owing

    # -- deferred operations

    def owes(self, node: Node) -> None:
        """An operation without answer was sent to this node."""
        self._owing.add(node)
        node.hold(self)

    def paid(self, node: Node) -> None:
        """The operations sent to this node are done, or will not be."""
        self._owing.discard(node)
        node.release(self)

    def forgive(self) -> None:
        """All operations without answer are done, or their failure has been reported."""
        for node in list(self._owing):
            self.paid(node)

    def elsewhere(self) -> Node | None:
        """A retired node with operations to be waited for before anything starts at another one."""
        return next((node for node in self._owing if node.is_retired and not node.dead), None)

    # -- failures

    def refused(self, error: Error) -> None:
        """A deferred operation could not be sent. The first reason counts."""
        self._refusal = self._refusal or error

    @property
    def is_refused(self) -> bool:
        """Whether deferred operations are dropped, since an earlier one could not be sent."""
        return self._refusal is not None

    def on_failure(self, context_id: int, failure: Failure) -> None:
        """An agent reports a failed operation; only an agent that this client uses can."""
        nodes = [node for node in self._used if node.context and node.context.id == context_id]
        if self._failure is None and nodes:
            operation, path, status, cause = failure
            self._failure = (_CLIENT_METHOD.get(operation, operation), path, status, cause)
            if operation == ops.PUT_HELD:
                nodes[0].remote_cache.doubt()

    def take_failure(self) -> Failure | None:
        """What an agent has reported, once: it takes the place of the next answer, which settles everything."""
        self.forgive()
        failure, self._failure = self._failure, None
        return failure

    def require_alive(self) -> None:
        """Raise ChannelError if a node with deferred operations is dead: the next one must not be sent elsewhere."""
        if any(node.dead for node in self._owing):
            raise ChannelError('what came before it was done elsewhere')

    def check(self) -> None:
        """Before a request with an answer: raise why an earlier deferred operation was not done, and clear that."""
        refusal, self._refusal = self._refusal, None
        dead = [node for node in self._owing if node.dead]
        lost = [node.dead for node in dead if not node.has_left]
        for node in dead:
            self.paid(node)
        if lost:
            raise ChannelError(str(lost[0]))
        if refusal is not None:
            raise refusal

    def clear(self) -> None:
        """The context is reset: nothing of what was before counts."""
        self._refusal = self._failure = None
        self.forgive()
