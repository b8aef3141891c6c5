"""Watchdog: tells a task that takes long from an agent that does not answer any more.

A request may take hours. So an agent that has had one for a while is asked something that it answers at once; one that
answers nothing for long is named in the log, and in the end given up, as a host is that takes nothing (root_node.py).
Loop thread only.
"""

import logging
from collections.abc import Iterable

from svcfw.core.message import Message
from svcfw.mux.server.node import Node

#: How often an agent with requests is asked; when one that does not answer is named first, then at twice that, and so
#: on; and when it is given up.
ASK_S = 20.0
NAMED_S = 60.0
GIVEN_UP_S = 900.0

_log = logging.getLogger('svcfw.mux')


class Watchdog:
    """Of all nodes of one multiplexer; `look` is to be called every now and then."""

    def __init__(self) -> None:
        self._watched: dict[Node, _Watched] = {}

    def look(self, roots: Iterable[Node]) -> None:
        nodes = [node for root in roots for node in (root, *root.all_children())]
        up = {node for node in nodes if node.facts is not None and not node.dead}
        self._watched = {node: self._watched.get(node) or _Watched(node) for node in up}
        for watched in list(self._watched.values()):
            watched.look()


class _Watched:
    """One node that is up."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._answered_at = node.router.loop.clock()
        self._asked_at: float | None = None
        self._named_s = NAMED_S

    def look(self) -> None:
        now = self._node.router.loop.clock()
        if self._asked_at is None:
            if not self._node.is_asked():
                self._answered_at = now  # no request is under way
            elif now - self._answered_at >= ASK_S:
                self._asked_at = now
                self._node.ask_for_life(self._on_answer)
            return
        silent_s = now - self._asked_at
        if silent_s >= GIVEN_UP_S:
            self._asked_at = None
            self._node.give_up(f'its agent has answered nothing for {silent_s:.0f} s. See what its processes wait for')
        elif silent_s >= self._named_s and self._node.is_asked():
            self._named_s *= 2
            name = self._node.context
            _log.warning('%s: its agent has answered nothing for %.0f s, and a request waits for it', name, silent_s)

    def _on_answer(self, message: Message) -> None:
        """Any: that a request is refused is an answer, too."""
        if self._named_s > NAMED_S and not message.is_dead:
            _log.warning('%s: its agent answers again', self._node.context)
        self._asked_at = None
        self._answered_at = self._node.router.loop.clock()
        self._named_s = NAMED_S
