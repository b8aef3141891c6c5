"""Telling: reports that a client asks for beside its answers: the contexts that it uses, and the cost of each answer.

For other clients nothing is measured or sent. Times are differences of one clock: the target's clock is never compared
with this one.
"""

import os
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from svcfw.agent.requests import Request, Timed
from svcfw.mux import protocol

_MICRO = 1_000_000


class About(NamedTuple):
    """A context that a client uses, reported once; without facts if its start failed.

    context: unique for each context of each multiplexer. is_root: it is the login account's. is_new: the client's run
    started it. way: the transport and the reason. command: the transport program with its arguments; said: its output
    on stderr until the link was up.
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
    """The cost of one answer: seconds in the multiplexer, and of these for starts of contexts and for the target.

    sent: bytes written to the link of that host since the client's last answer, for all clients. received: bytes of the
    answer. run: the number of the module's run in its process (0: a process of its own). why_new: why that process was
    a new one, an index of kinds.KINDS.
    """

    total_s: float
    start_s: float
    target_s: float
    sent: int
    received: int
    run: int = 0
    why_new: int = 0


class Reported(Protocol):
    """The parts of a Node that are reported of a context."""

    @property
    def key(self) -> str: ...
    @property
    def root(self) -> 'ReportedRoot': ...
    @property
    def facts(self) -> dict[str, Any] | None: ...
    @property
    def run(self) -> str: ...
    def said(self) -> str: ...
    def tell(self, session: int, request: Request) -> None: ...


class ReportedRoot(Reported, Protocol):
    """The parts of a root Node that are reported of the way to its contexts."""

    @property
    def way(self) -> str: ...
    @property
    def sent_bytes(self) -> int: ...
    def command(self) -> list[str]: ...


class Telling:
    """Reports to the client of one session. send(handle, value): to that client; session: its number at agents."""

    def __init__(self, session: int, clock: Callable[[], float], send: Callable[[int, Any], None]) -> None:
        #: The client's run, and whether the client asks for reports.
        self.run = ''
        self.is_wanted = False
        self.ssh_verbosity = 0
        self._session = session
        self._clock = clock
        self._send = send
        self._told: set[str] = set()
        self._timed: set[str] = set()
        self._sent: dict[str, int] = {}  # by root: bytes written to its link by the last answer
        self._began = 0.0
        self._started_for = 0.0
        self._is_starting_since: float | None = None

    def arrived(self) -> None:
        """A request that expects an answer has arrived."""
        if self.is_wanted:
            self._began = self._clock()
            self._started_for = 0.0

    def waits(self, root: Reported | None = None) -> None:
        """The request waits for a node to come up, `root` if given. The session calls `is_up` or `failed` next."""
        if self.is_wanted:
            self._is_starting_since = self._is_starting_since or self._clock()
            if root is not None:
                self._sent.setdefault(root.key, 0)  # its link carries bytes for this client alone so far

    def is_up(self, node: Reported) -> None:
        """The node can be used."""
        if self.is_wanted:
            self._has_started()
            self._about(node)
            if node.key not in self._timed:
                self._timed.add(node.key)
                node.tell(self._session, Timed())

    def failed(self, node: Reported) -> None:
        """The node cannot be started."""
        if self.is_wanted:
            self._has_started()
            self._about(node)

    def answered(self, node: Reported | None, target_us: int, received: int, ran: tuple[int, int] = (0, 0)) -> None:
        """Report the cost of the answer that is sent next; node: which has answered, None for the multiplexer."""
        if not self.is_wanted:
            return
        sent = 0
        if node is not None:
            sent = node.root.sent_bytes - self._sent.get(node.root.key, 0)
            self._sent[node.root.key] = node.root.sent_bytes
        total_us = int((self._clock() - self._began) * _MICRO)
        self._send(protocol.COST, (total_us, int(self._started_for * _MICRO), target_us, sent, received, *ran))

    def _has_started(self) -> None:
        if self._is_starting_since is not None:
            self._started_for += self._clock() - self._is_starting_since
            self._is_starting_since = None

    def _about(self, node: Reported) -> None:
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
    """The About in an ABOUT message."""
    return About(*value)


def cost(value: Any) -> Cost:
    """The Cost in a COST message."""
    total_us, start_us, target_us, *rest = value
    return Cost(total_us / _MICRO, start_us / _MICRO, target_us / _MICRO, *rest)


def key(node_number: int) -> str:
    """A name for a context that no context of another multiplexer has."""
    return f'{os.getpid()}.{node_number}'
