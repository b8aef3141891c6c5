"""Finds the context in which an interpreter runs: a node's own, or a child of it started with that interpreter."""

from collections.abc import Callable
from typing import Any

from svcfw.ansible.target import ops
from svcfw.boot import first_stage
from svcfw.core.message import Message
from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.mux.node import ChildNode, Node

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
            if is_own:
                node.interpreters[words] = node
                on_found(node)
            elif path is None:
                # Not there, or with options: the shell shall say so, or start it.
                on_found(StartError('interpreter', str(node.context), f'{" ".join(words)} is no plain program there'))
            else:
                self._reach(node, words, path, session, timeout_s, on_found)

        handle = node.request(ops.INTERPRETER, session, (list(words),), answered)

    def _reach(self, node: Node, words: Words, path: str, session: int, timeout_s: float, on_found: OnFound) -> None:
        child = node.children.get(path)
        if child is None or child.dead:
            command = first_stage.argv([path], first_stage.second_stage_size(node.router.bundle))
            child = ChildNode(node, path, session, command, False, '', timeout_s, _ignore)
            node.children[path] = child
        started = child

        def ready(error: StartError | None) -> None:
            if error is not None:
                on_found(StartError('interpreter', error.host, error.cause, error.remedy))
            else:
                node.interpreters[words] = started
                on_found(started)

        started.when_ready(ready)


def _ignore(data: Any) -> None:
    pass
