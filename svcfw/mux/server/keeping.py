"""How long contexts of other accounts are kept, and how many: warm ones save time, and are in the way.

Such a context costs its host 12 MB and the controller nothing; without it the next task as that account takes 0.1 s
longer (0.25 s where both cores are busy). But an account in whose name a process runs cannot be removed or renamed
(userdel: "currently used by process"), and what its context cannot see, such as a right withdrawn in a directory
service, it keeps to. Hence the limits below. Only contexts that nothing is asked of are ended, so that nobody waits.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from svcfw.agent import ops
from svcfw.mux.server.child_node import ChildNode
from svcfw.mux.server.node import Node

#: After its last use, if it is not of root. A start takes at most some 2 % of this, so that tasks which come more
#: slowly hardly notice. Root's is kept as long as the login's: nobody removes root, and nearly every play has it.
KEEP_S = 10.0
#: From its start, of any account, used or not. Bounds all that no context can see of itself; costs less than 0.1 %.
MAX_AGE_S = 300.0
#: On one host. Beyond that the one that was used least lately ends when another one starts. Those in use may be more:
#: a request that waited for its like to end could wait for long, and there is never more than one for each fork.
MAX_KEPT = 8
#: For the end of contexts that a request is about to be rid of. An agent takes less (agent.DISMISS_S) if it is well.
END_S = 10.0

#: Modules that may end, change or look for what runs in the name of an account that their parameters name.
_ABOUT_ACCOUNTS = frozenset({'user', 'command', 'expect'})
_ANSIBLE_MODULES = 'ansible.modules.'


def expire(root: Node, now: float) -> None:
    """End the contexts of other accounts that were kept for long enough."""
    for child in root.all_children():
        if child.is_retired or child.facts is None:
            continue
        is_unused = child.facts['uid'] != 0 and child.is_idle() and now - child.idle_since() > KEEP_S
        if is_unused or now - child.started_at > MAX_AGE_S:
            child.retire()


def make_room(root: Node) -> None:
    """Before another one is started: end those that are used least lately, so far as they are not in use."""
    kept = [child for child in root.all_children() if not child.is_retired]
    idle = sorted((child for child in kept if child.is_idle() and child.facts), key=ChildNode.idle_since)
    for child in idle[: max(0, len(kept) + 1 - MAX_KEPT)]:
        child.retire()


def in_the_way(node: Node, operation: str, arguments: tuple[Any, ...]) -> list[ChildNode]:
    """The contexts of other accounts that should be gone before a request is carried out on `node`.

    Those of accounts that the module `user`, or a command (userdel, usermod, pkill), names. One named for other
    reasons is started anew when it is wanted again.
    """
    over = [child for child in node.root.all_children() if child is not node and _is_over(child)]
    text = _text(operation, arguments) if over else b''
    return [child for child in over if _names(text, child)]


def end(children: Sequence[ChildNode], then: Callable[[], None]) -> None:
    """End these; call back once no process of theirs is left, or after END_S."""
    waiting = set(children)

    def gone(child: ChildNode) -> None:
        if child in waiting:
            waiting.remove(child)
            if not waiting:
                deadline.cancel()
                then()

    def too_late() -> None:
        waiting.clear()
        then()

    deadline = children[0].router.loop.call_later(END_S, too_late)
    for child in children:
        child.when_gone(gone)
        child.retire()


def _is_over(child: ChildNode) -> bool:
    """Whether nothing is asked of it; it may be about to end already."""
    return child.facts is not None and child.is_idle()


def _text(operation: str, arguments: tuple[Any, ...]) -> bytes:
    """Where a request that may be about accounts would name them."""
    if operation == ops.COMMAND:
        _, command, stdin, _ = arguments
        return _bytes(command) + b'\n' + _bytes(stdin)
    if operation == ops.MODULE:
        name = str(arguments[0].get('fqn', ''))
        if name.startswith(_ANSIBLE_MODULES) and name[len(_ANSIBLE_MODULES) :] in _ABOUT_ACCOUNTS:
            return _bytes(arguments[0].get('params', b''))
    return b''


def _bytes(text: Any) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode('utf-8', 'surrogateescape')


def _names(text: bytes, child: ChildNode) -> bool:
    """Whether the account occurs in it, as a word."""
    assert child.facts is not None
    name = re.escape(_bytes(child.facts['user']))
    return re.search(rb'(?<![\w.-])' + name + rb'(?![\w-]|\.\w)', text) is not None
