"""Node: one context with an agent, from its start to its end, and the children of other accounts below it."""

import shlex
from collections.abc import Callable, Hashable
from typing import Any

from svcfw.ansible.target import ops
from svcfw.boot import first_stage
from svcfw.core import handles
from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.core.router import Router
from svcfw.core.wire.errors import ChannelError, Error, StartError
from svcfw.transport import connect
from svcfw.transport.spec import Spec
from svcfw.transport.start import Starter

AGENT_MODULE = 'svcfw.ansible.target.agent'

#: error is None once the node can be used.
OnReady = Callable[[StartError | None], None]


class Node:
    """A context whose agent answers. `facts` is None until it does; `dead` is the reason once it never will again.

    Everything runs on the loop thread.
    """

    def __init__(self, router: Router, root: 'Node | None') -> None:
        self.router = router
        self.root = root or self
        self.context: Context | None = None
        self.facts: dict[str, Any] | None = None
        self.dead: str | None = None
        self.held: set[bytes] = set()
        self.children: dict[Hashable, Node] = {}
        #: Which node runs the interpreter that a shebang names.
        self.interpreters: dict[tuple[str, ...], Node] = {}
        self.last_used = router.loop.clock()
        self.running = 0
        self._waiting: list[OnReady] = []

    def when_ready(self, callback: OnReady) -> None:
        """Call back once the agent answers, or with why it does not."""
        if self.facts is not None:
            callback(None)
        else:
            self._waiting.append(callback)

    def boot_command(self, marker: str) -> str:
        """Text for `sh -c` that starts a child of this node's context under another account; shows `marker` first."""
        assert self.facts is not None
        size = first_stage.second_stage_size(self.router.bundle)
        return f'echo {marker}; exec {shlex.join(first_stage.argv([self.facts["python"]], size))}'

    def request(
        self, operation: str, session: int, arguments: tuple[Any, ...], on_message: Callable[[Message], None]
    ) -> int:
        """Ask the agent; `on_message` gets its messages until `finish(handle)` or a dead one. Returns the handle."""
        assert self.context is not None
        handle = self.router.add_handler(on_message, respondent=self.context)
        self.running += 1
        self.last_used = self.router.loop.clock()
        try:
            self._send(operation, session, arguments, handle)
        except BaseException:
            self.finish(handle)
            raise
        return handle

    def finish(self, handle: int) -> None:
        """The request with this handle is over."""
        self.running -= 1
        self.last_used = self.router.loop.clock()
        self.router.remove_handler(handle)

    def tell(self, operation: str, session: int, arguments: tuple[Any, ...]) -> None:
        """Have something done that is not answered."""
        self._send(operation, session, arguments, 0)

    def _send(self, operation: str, session: int, arguments: tuple[Any, ...], reply_to: int) -> None:
        assert self.context is not None
        request = (operation, session, arguments)
        if self is self.root:
            self.context.send(handles.AGENT, request, reply_to)
        else:
            # By way of the agent that what was not waited for went to: it knows whether that has failed.
            inner = (self.context.id, self.router.codec.encode(request))
            self.root.context.send(handles.AGENT, (ops.RELAY, session, inner), reply_to)  # type: ignore[union-attr]

    def is_idle(self) -> bool:
        return self.running == 0 and not self._waiting and all(child.is_idle() for child in self.children.values())

    def idle_since(self) -> float:
        return max([self.last_used, *(child.idle_since() for child in self.children.values())])

    def adopt(self, context: Context, facts: dict[str, Any]) -> None:
        """The agent of this node has answered."""
        self.context = context
        self.facts = facts
        self._answer(None)

    def fail(self, error: StartError) -> None:
        """It never will."""
        self.dead = self.dead or str(error)
        self._answer(error)

    def lost(self, reason: str) -> None:
        """The context has ended."""
        if self.facts is None:
            self.fail(StartError('died', str(self.context), reason, 'see the log of the host'))
        self.dead = self.dead or reason

    def _answer(self, error: StartError | None) -> None:
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback(error)


class RootNode(Node):
    """The context of the account that is logged in to."""

    def __init__(self, router: Any, spec: Spec, on_end: Callable[[], None]) -> None:
        Node.__init__(self, router, None)
        self.host = spec.host
        self._on_end = on_end
        self._starter: Starter | None = None
        self._deadline = router.loop.call_later(2 * spec.timeout_s + 2, self._too_late)
        try:
            self._starter = Starter(
                router, spec.host, connect.launcher(spec), lambda context: None, self.fail, spec.timeout_s
            )
        except StartError as exc:
            error = exc
            router.loop.call_soon(lambda: self.fail(error))
            return
        self.context = self._starter.context
        router.on_gone(self.context, self.lost)
        # Both are in the pipe before the child reads its first byte.
        router.responder.push(self.context, [AGENT_MODULE])
        self.context.request_async(handles.CALL_FUNCTION, ((AGENT_MODULE, 'start'), (), {}), self._on_facts)

    def _on_facts(self, message: Message) -> None:
        if message.is_dead:
            return  # the starter knows better why
        try:
            facts = message.value()
        except Error as exc:
            self.fail(StartError('died', self.host, f'its agent did not start: {exc}', 'report this'))
            self.leave()
            return
        self._deadline.cancel()
        assert self.context is not None
        self.adopt(self.context, facts)

    def _too_late(self) -> None:
        if self.facts is None and self._starter is not None:
            self._starter.give_up(self._starter.dialogue.timed_out(2))
            self.fail(StartError('timeout', self.host, 'its agent did not answer in time', 'raise the timeout'))

    def fail(self, error: StartError) -> None:
        self._deadline.cancel()
        super().fail(error)
        self._on_end()

    def lost(self, reason: str) -> None:
        # A start that fails is explained by the starter, which has still to read what the program said.
        if self.facts is not None:
            super().lost(reason)
            self._on_end()

    def leave(self) -> None:
        """End the context with all below it."""
        self.dead = self.dead or 'it was reset'
        if self._starter is not None:
            self._starter.leave()


class ChildNode(Node):
    """A context below a root: of another account, or of another interpreter."""

    def __init__(self, parent: Node, name: str, session: int, command: list[str], has_tty: bool, marker: str,
                 timeout_s: float, on_output: Callable[[bytes], None]) -> None:  # fmt: skip
        Node.__init__(self, parent.router, parent.root)
        self.name = f'{parent.context} {name}'
        self._session = session
        self._on_output = on_output
        self._parent = parent
        self.handle = parent.request(
            ops.CHILD, session, (self.name, command, has_tty, marker, timeout_s), self._on_message
        )

    def type(self, data: bytes) -> None:
        """Answer a prompt."""
        self._parent.tell(ops.CHILD_INPUT, self._session, (self.handle, data))

    def _on_message(self, message: Message) -> None:
        try:
            kind, *values = message.value()
        except ChannelError as exc:
            self._parent.finish(self.handle)
            self.fail(StartError('become', self.name, str(exc), ''))
            return
        if kind == ops.CHILD_OUTPUT:
            self._on_output(values[0])
            return
        self._parent.finish(self.handle)
        if kind == ops.CHILD_READY:
            context_id, facts = values
            context = self.router.context(context_id, self.name)
            self.router.on_gone(context, self.lost)
            self.adopt(context, facts)
        else:
            self.fail(StartError(*values))
