"""What a client hears beside its answers, if it wants to: which contexts it uses, and what each answer has cost.

Nothing of it is measured or sent for a client that has named no run. Times are differences of one clock each: what the
target's clock shows is never compared with ours.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from svcfw.agent import ops
from svcfw.mux import protocol

if TYPE_CHECKING:
    from svcfw.mux.server.node import Node

_MICRO = 1_000_000


class About(NamedTuple):
    """A context that a client uses, said to it once; without facts where it could not be started.

    context: other for each context of each multiplexer. is_root: it is that of the account which is logged in to.
    is_new: it was started by the client's run. way: the transport, and why that one. command: the program that carries
    it, with its arguments; said: what that has said on its error stream until the link was up.
    """

    context: str
    is_root: bool
    is_new: bool
    way: str
    command: list[str]
    said: str
    user: str
    python: str
    version: str


class Cost(NamedTuple):
    """Of one answer: seconds in the multiplexer in all, thereof for the start of contexts and for what ran there.

    sent: bytes given to the link to that host since the client's last answer, by whomever. received: the answer's.
    """

    total_s: float
    start_s: float
    target_s: float
    sent: int
    received: int


class Telling:
    """One session's part of it. send(handle, value): to the client; session: the number that agents know it by."""

    def __init__(self, session: int, clock: Callable[[], float], send: Callable[[int, Any], None]) -> None:
        self.run = ''
        self.ssh_verbosity = 0
        self._session = session
        self._clock = clock
        self._send = send
        self._told: set[str] = set()
        self._timed: set[str] = set()
        self._sent: dict[str, int] = {}  # by root: what had been given to its link by the last answer
        self._began = 0.0
        self._started_for = 0.0
        self._is_starting_since: float | None = None

    def arrived(self) -> None:
        """A request that is waited for has come."""
        if self.run:
            self._began = self._clock()
            self._started_for = 0.0

    def waits(self, root: 'Node | None' = None) -> None:
        """The request needs a node that is not up yet, a root if named; `is_up` or `failed` follows."""
        if self.run:
            self._is_starting_since = self._is_starting_since or self._clock()
            if root is not None:
                self._sent.setdefault(root.key, 0)  # all that it is sent is for this client

    def is_up(self, node: 'Node') -> None:
        """It can be used."""
        if self.run:
            self._has_started()
            self._about(node)
            if node.key not in self._timed:
                self._timed.add(node.key)
                node.tell(ops.TIMED, self._session, ())

    def failed(self, node: 'Node') -> None:
        """It cannot be started."""
        if self.run:
            self._has_started()
            self._about(node)

    def answered(self, node: 'Node | None', target_us: int, received: int) -> None:
        """The answer to the request follows, as far as the target is concerned from this node."""
        if not self.run:
            return
        sent = 0
        if node is not None:
            sent = node.root.sent_bytes - self._sent.get(node.root.key, 0)
            self._sent[node.root.key] = node.root.sent_bytes
        total_us = int((self._clock() - self._began) * _MICRO)
        self._send(protocol.COST, (total_us, int(self._started_for * _MICRO), target_us, sent, received))

    def _has_started(self) -> None:
        if self._is_starting_since is not None:
            self._started_for += self._clock() - self._is_starting_since
            self._is_starting_since = None

    def _about(self, node: 'Node') -> None:
        if node.key in self._told:
            return
        self._told.add(node.key)
        root = node.root
        self._sent.setdefault(root.key, root.sent_bytes)
        facts = node.facts or {'user': '', 'python': '', 'version': ()}
        is_new = node.run == self.run
        said = node.said() if is_new and self.ssh_verbosity else ''
        version = '.'.join(map(str, facts['version']))
        self._send(
            protocol.ABOUT,
            (node.key, node is root, is_new, root.way, root.command(), said, facts['user'], facts['python'], version),
        )


def about(value: Any) -> About:
    """An ABOUT message's value."""
    return About(*value)


def cost(value: Any) -> Cost:
    """A COST message's value."""
    total_us, start_us, target_us, sent, received = value
    return Cost(total_us / _MICRO, start_us / _MICRO, target_us / _MICRO, sent, received)


def key(node_number: int) -> str:
    """What tells a context from all others, also those of a multiplexer that was there before."""
    return f'{os.getpid()}.{node_number}'
