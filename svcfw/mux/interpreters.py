"""Finds the context in which an interpreter runs: a node's own, or a child of it started with that interpreter."""

from collections.abc import Callable
from typing import Any

from svcfw.ansible.target import ops
from svcfw.boot import first_stage
from svcfw.core.message import Message
from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.mux.node import ChildNode, Node
from svcfw.transport.start import CONFIG_BYTES

Words = tuple[str, ...]
OnFound = Callable[[Node | StartError], None]


class Interpreters:
    """What is known of each node's interpreters. Loop thread only."""

    def find(self, node: Node, words: Words) -> Node | None:
        """The node for a shebang's words, if it is known and up."""
        if words == (node.facts['python'],):  # type: ignore[index]
            return node
        return node.interpreters.get(words)

    def ask(self, node: Node, words: Words, session: int, timeout_s: float, on_found: OnFound) -> None:
        """Have the agent look for the interpreter, start a child with it if it is another one, then call back."""
        handle = 0

        def answered(message: Message) -> None:
            node.finish(handle)
            try:
                is_own, path = message.value()
            except ChannelError as exc:
                on_found(StartError('died', str(node.context), str(exc), 'the next task connects anew'))
                return
            if is_own or path is None:
                # What is no plain name of a program is for the node as well: it runs such a job in a new process.
                node.interpreters[words] = node
                on_found(node)
            else:
                self._reach(node, words, path, session, timeout_s, on_found)

        handle = node.request(ops.INTERPRETER, session, (list(words),), answered)

    def _reach(self, node: Node, words: Words, path: str, session: int, timeout_s: float, on_found: OnFound) -> None:
        child = node.children.get(path)
        if child is None or child.dead:
            command = first_stage.argv([path], len(node.router.bundle) + CONFIG_BYTES)
            child = ChildNode(node, path, session, command, False, '', timeout_s, _ignore)
            node.children[path] = child
        started = child

        def ready(error: StartError | None) -> None:
            # An interpreter that cannot be a context (too old, no CPython) still runs jobs, each in a new process.
            node.interpreters[words] = node if error is not None else started
            on_found(node.interpreters[words])

        started.when_ready(ready)


def _ignore(data: Any) -> None:
    pass
