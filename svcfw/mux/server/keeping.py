"""Limits of time and number for contexts of other accounts, which save time but occupy their accounts.

Such a context costs its host 12 MB and the controller nothing; without it the next task as that account takes 0.1 s
longer (0.25 s where both cores are busy). But an account with a running process cannot be removed or renamed (userdel:
"currently used by process"), and the context keeps permissions whose withdrawal it cannot see, such as in a directory
service. Hence the limits below. Only contexts without requests are ended, so that no client waits.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, cast

from svcfw.agent.requests import Request
from svcfw.agent.warm.job import ModuleJob
from svcfw.mux.requests import Command, Module
from svcfw.mux.server.child_node import ChildNode
from svcfw.mux.server.node import Node

#: After its last use, except for root. A start takes at most some 2 % of this, so slower tasks hardly notice.
#: Root's is kept as long as the login's: root is never removed, and nearly every play uses it.
KEEP_S = 10.0
#: From its start, for any account, used or not: bounds what a context cannot see of itself; costs less than 0.1 %.
MAX_AGE_S = 300.0
#: On one host. Beyond that the least recently used one ends when another one starts. More may be in use: a request that
#: waited for one to end could wait for long, and there is never more than one for each fork.
MAX_KEPT = 8
#: For the end of contexts before a request. A healthy agent takes less (children.DISMISS_S).
END_S = 10.0

#: Modules that may end, change or look for processes of an account that their parameters name.
_ABOUT_ACCOUNTS = frozenset({'user', 'command', 'expect'})
_ANSIBLE_MODULES = 'ansible.modules.'


def expire(root: Node, now: float) -> None:
    """End the contexts of other accounts whose time is over."""
    for child in _children(root):
        if child.is_retired or child.facts is None:
            continue
        is_unused = child.facts['uid'] != 0 and child.is_idle() and now - child.idle_since() > KEEP_S
        if is_unused or now - child.started_at > MAX_AGE_S:
            child.retire()


def make_room(root: Node) -> None:
    """Before another one is started: end the least recently used ones that are not in use."""
    kept = [child for child in _children(root) if not child.is_retired]
    idle = sorted((child for child in kept if child.is_idle() and child.facts), key=ChildNode.idle_since)
    for child in idle[: max(0, len(kept) + 1 - MAX_KEPT)]:
        child.retire()


def in_the_way(node: Node, request: Request) -> list[ChildNode]:
    """The contexts of other accounts to end before a request is performed on `node`.

    Those of accounts that the module `user`, or a command (userdel, usermod, pkill), names. If it was named for another
    reason, its context is started again when needed.
    """
    over = [child for child in _children(node.root) if child is not node and _is_over(child)]
    text = _text(request) if over else b''
    return [child for child in over if _names(text, child)]


def end(children: Sequence[ChildNode], then: Callable[[], None]) -> None:
    """End these contexts; call back once their processes have ended, or after END_S."""
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


def _children(root: Node) -> list[ChildNode]:
    return cast('list[ChildNode]', root.all_children())  # what else is below a node


def _is_over(child: ChildNode) -> bool:
    """Whether it has no requests; it may be ending already."""
    return child.facts is not None and child.is_idle()


def _text(request: Request) -> bytes:
    """The text of a request that may name accounts."""
    if isinstance(request, Command):
        return _bytes(request.text) + b'\n' + request.stdin
    if isinstance(request, Module) and isinstance(request.job, ModuleJob):
        name = request.job.fqn
        if name.startswith(_ANSIBLE_MODULES) and name[len(_ANSIBLE_MODULES) :] in _ABOUT_ACCOUNTS:
            return request.job.params
    return b''


def _bytes(text: Any) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode('utf-8', 'surrogateescape')


def _names(text: bytes, child: ChildNode) -> bool:
    """Whether the account's name occurs in the text, as a word."""
    assert child.facts is not None
    name = re.escape(_bytes(child.facts['user']))
    return re.search(rb'(?<![\w.-])' + name + rb'(?![\w-]|\.\w)', text) is not None
