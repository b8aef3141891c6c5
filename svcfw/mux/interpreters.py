"""Finds the context in which an interpreter runs: a node's own, or a child of it started with that interpreter."""

from collections.abc import Callable
from typing import Any

from svcfw.ansible.target import ops
from svcfw.core.message import Message
from svcfw.core.wire.errors import ChannelError, DecodeError, Error, StartError
from svcfw.mux.node import ChildNode, Node, StaleError, boot_argv

Words = tuple[str, ...]
OnFound = Callable[[Node | Error], None]


def known(node: Node, words: Words) -> Node | None:
    """The node for a shebang's words, if it is known and up."""
    if node.facts is not None and words == (node.facts['python'],):
        return node
    found = node.interpreters.get(words)
    return None if found is None or found.dead or found.is_retired else found


def find(node: Node, words: Words, session: int, timeout_s: float, on_found: OnFound) -> None:
    """Have the agent look for the interpreter, start a child with it if it is another one, then call back.

    on_found gets a StartError of kind 'interpreter' for what cannot be a context (missing, too old, no CPython, more
    words than the name of a program), another Error when the node is lost. Loop thread only.
    """
    handle = 0

    def answered(message: Message) -> None:
        node.finish(handle)
        try:
            is_own, path = _checked(message.value())
        except Error as exc:
            on_found(node.judged(message, exc))
            return
        if is_own:
            node.interpreters[words] = node
            on_found(node)
        elif path is None:
            on_found(_unfit(node, ' '.join(words), 'it is not there, or more than the name of a program'))
        elif path in node.unfit:
            on_found(node.unfit[path])
        else:
            _start(node, words, path, timeout_s, on_found)

    handle = node.request(ops.INTERPRETER, session, (list(words),), answered)


def _start(node: Node, words: Words, path: str, timeout_s: float, on_found: OnFound) -> None:
    child = node.children.get(path)
    if child is None or child.dead:
        # Of no session: whichever client asked first, all want it.
        child = ChildNode(node, path, 0, boot_argv(node.router, path), False, '', timeout_s, lambda data: None)
        node.children[path] = child
    started = child

    def ready(error: Error | None) -> None:
        if node.dead:
            on_found(ChannelError(node.dead))
        elif isinstance(error, StartError) and error.kind == 'busy':
            on_found(_unfit(node, path, str(error)))  # that passes
        elif isinstance(error, StaleError):
            on_found(error)
        elif error is not None:
            # Remembered as long as the context lives: it would cost each task as much time again.
            on_found(node.unfit.setdefault(path, _unfit(node, path, str(error))))
        else:
            node.interpreters[words] = started
            on_found(started)

    started.when_ready(ready)


def _unfit(node: Node, name: str, cause: str) -> StartError:
    return StartError('interpreter', str(node.context), f'{name} cannot be kept warm: {cause}')


def _checked(value: Any) -> tuple[bool, str | None]:
    if (
        type(value) is not tuple
        or len(value) != 2
        or type(value[0]) is not bool
        or type(value[1]) not in (str, type(None))
    ):
        raise DecodeError('the agent does not say where an interpreter is')
    return value
