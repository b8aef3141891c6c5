"""Node: one context with an agent, from its start to its end, and the children of other accounts below it."""

import itertools
import logging
import re
from collections.abc import Callable, Hashable
from typing import Any

from svcfw.ansible.target import ops
from svcfw.boot import first_stage
from svcfw.core import handles
from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.core.wire.errors import ChannelError, DecodeError, Error, StartError
from svcfw.core.wire.frames import Frame
from svcfw.core.wire.limits import MAX_NOISE_BYTES
from svcfw.mux import telling
from svcfw.mux.flow import LinkFlow
from svcfw.mux.supply import Supply
from svcfw.transport import connect, messages
from svcfw.transport.router import Router
from svcfw.transport.spec import Spec
from svcfw.transport.start import Starter

AGENT_MODULE = 'svcfw.ansible.target.agent'
#: Of what a program said that did not come to a link.
MAX_LOGGED_LINES = 20
_OVERFULL = 'See whether the host has memory and processes left.'
#: A child is told its name in the little room that its first message has.
MAX_NAME_CHARS = 100
#: After a login has failed that was to replace a stale one, it is not tried again for so long.
LAST_RESORT_S = 60.0

# sudo (requiretty) and doas; sudo's sentence is translated, the word in it is not. Then what sudo says where it only
# lacks a way to ask for the password.
_ASKS_FOR_TTY = re.compile(rb'\btty\b', re.IGNORECASE)
_ASKS_FOR_TERMINAL = re.compile(rb'\bterminal\b', re.IGNORECASE)
_MAX_SHOWN_BYTES = 4096

_log = logging.getLogger('svcfw.mux')
_numbers = itertools.count(1)

#: error is None once the node can be used; a ChannelError if the place is gone that was to start it.
OnReady = Callable[[Error | None], None]

#: What later failures must not be allowed to rest on goes by way of the root's agent, which knows of its own failures.
_FREE = frozenset({
    ops.MEMBERS, ops.FORGET, ops.CONTENT, ops.DROP, ops.PASS, ops.GRANT, ops.CHILD_INPUT, ops.END, ops.ANYWAY,
    ops.DISMISS, ops.TIMED,
})  # fmt: skip
_FACTS = {'home': str, 'user': str, 'uid': int, 'python': str, 'version': tuple, 'shell': str}


class StaleError(ChannelError):
    """A context is not what a new one would be, and has therefore not begun what it was asked for.

    said_by: the node whose agent found that; what it was told before is done.
    """

    def __init__(self, said_by: 'Node', reason: str) -> None:
        ChannelError.__init__(self, f'{said_by.context}: {reason}')
        self.said_by = said_by


class Node:
    """A context whose agent answers. `facts` is None until it does; `dead` is the reason once it never will again.

    A *retired* one gets no new work: who asks for its like gets a new one. It ends when nobody holds it any more.
    Everything runs on the loop thread.
    """

    def __init__(self, router: Router, root: 'Node | None') -> None:
        self.router = router
        self.root = root or self
        self.context: Context | None = None
        self.facts: dict[str, Any] | None = None
        self.dead: str | None = None
        #: It ends because it was told to, and so has done what it was told before.
        self.has_left = False
        self.children: dict[Hashable, ChildNode] = {}
        self._retired_children: set[ChildNode] = set()
        self._is_retired = False
        #: Of a root: whether anything here or below may have to be ended once it is done with.
        self.has_retired = False
        #: Of a root that is stale: until when no other login is tried in its place.
        self.last_resort_until = 0.0
        #: Whether commands that start children of other accounts have asked for a terminal here.
        self.wants_tty = False
        #: The run of ansible that has started it, as far as that wants to be told of it: see telling.py.
        self.run = ''
        #: Of a root: which transport, and why, as people shall read it.
        self.way = ''
        self.key = telling.key(next(_numbers))
        self.sent_bytes = 0  # of a root: what was given to its link
        self._last_used = router.loop.clock()
        self._requests: set[int] = set()
        self._holders: set[Hashable] = set()
        self._waiting: list[OnReady] = []
        self.flow: LinkFlow = root.flow if root else LinkFlow(router.loop.clock)
        self.supply: Supply = Supply(
            lambda operation, *arguments: self.tell(operation, 0, arguments),
            self.flow,
            root.supply if root else None,
            lambda: self.context.id,  # type: ignore[union-attr]
        )

    def when_ready(self, callback: OnReady) -> None:
        """Call back once the agent answers, or with why it does not; perhaps at once."""
        if self.facts is not None:
            callback(None)
        else:
            self._waiting.append(callback)

    def boot_command(self, marker: str) -> str:
        """Text for `sh -c` that starts a child of this node's context under another account; shows `marker` first."""
        assert self.facts is not None
        # Ours may be out of that account's reach (below a home with mode 0700): it looks for one of its own then.
        size = first_stage.second_stage_size(self.router.bundle)
        search = first_stage.nested_text(size, [self.facts['python']] if self.facts['python'] else [])
        return f'echo {marker}; exec {search}'

    # -- talking with the agent

    def request(
        self, operation: str, session: int, arguments: tuple[Any, ...], on_message: Callable[[Message], None]
    ) -> int:
        """Ask the agent; `on_message` gets its messages until `finish(handle)` or a dead one. Returns the handle."""
        assert self.context is not None
        handle = self.router.add_handler(on_message, respondent=self.context)
        self._requests.add(handle)
        try:
            self._send(operation, session, arguments, handle)
        except BaseException:
            self.finish(handle)
            raise
        return handle

    def finish(self, handle: int) -> None:
        """The request with this handle is over. Idempotent."""
        self._requests.discard(handle)
        self.router.remove_handler(handle)
        self._was_used()

    def tell(self, operation: str, session: int, arguments: tuple[Any, ...]) -> None:
        """Have something done that is not answered. Nothing happens if the context is gone."""
        self._send(operation, session, arguments, 0)

    def _send(self, operation: str, session: int, arguments: tuple[Any, ...], reply_to: int) -> None:
        assert self.context is not None
        self._last_used = self.router.loop.clock()
        request = self.router.codec.encode((operation, session, arguments))
        if self is self.root or operation in _FREE:
            self._transmit(self.context.id, request, reply_to)
        else:
            relay = self.router.codec.encode((ops.RELAY, session, (self.context.id, request)))
            self._transmit(self.root.context.id, relay, reply_to)  # type: ignore[union-attr]

    def _transmit(self, context_id: int, request: bytes, reply_to: int) -> None:
        own_id = self.router.own_id
        self.router.send(Frame(context_id, own_id, own_id, handles.AGENT, reply_to, 0, request))
        self.root.sent_bytes += len(request)
        if self.root.context is not None and context_id == self.root.context.id:
            self.flow.sent(len(request))

    def said(self) -> str:
        """What the program that carries it has said on its error stream before it was up."""
        return ''

    def command(self) -> list[str]:
        """That program with its arguments."""
        return []

    def expel(self, reason: str) -> None:
        """Cut the link, of a host that does not keep to the protocol."""
        assert self.context is not None
        _log.warning('%s', reason)
        link = self.router.link_for(self.context.id)
        if link is not None:
            link.close(reason)

    # -- use

    def hold(self, holder: Hashable) -> None:
        """Keep it from ending until `release(holder)`: a request is on its way here, or something told is owed."""
        self._holders.add(holder)

    def release(self, holder: Hashable) -> None:
        """Idempotent."""
        self._holders.discard(holder)
        self._was_used()

    def is_idle(self) -> bool:
        """Whether nothing is asked of it or of those below, and nobody holds one of them."""
        is_in_use = self._requests or self._holders or self._waiting
        return not is_in_use and all(child.is_idle() for child in self.all_children())

    def idle_since(self) -> float:
        return max([self._last_used, *(child.idle_since() for child in self.children.values())])

    def contexts(self) -> set[int]:
        """The ids of this node's context and of all below it."""
        own = set() if self.context is None else {self.context.id}
        return own.union(*(child.contexts() for child in self.all_children()))

    def all_children(self) -> 'list[ChildNode]':
        """Those that are retired and not gone among them."""
        return [*self.children.values(), *self._retired_children]

    def _was_used(self) -> None:
        self._last_used = self.router.loop.clock()
        if self.root.has_retired:
            # Later: whoever is done may be about to hold it for the next thing.
            self.router.loop.call_soon(self.root.sweep)

    # -- retirement

    @property
    def is_retired(self) -> bool:
        return self._is_retired

    @property
    def account(self) -> 'Node':
        """The node of the account that it runs as: another interpreter's is below that."""
        return self

    def detach(self, child: 'ChildNode') -> None:
        """Let nobody find this child any more."""
        self.forget(child)
        self._retired_children.add(child)

    def forget(self, child: 'ChildNode') -> None:
        """This child is gone."""
        self._retired_children.discard(child)
        for key in [key for key, each in self.children.items() if each is child]:
            del self.children[key]

    def retire(self) -> None:
        """Give it no new work, and end it once what is under way is done; at once if nothing is."""
        self._is_retired = self.root.has_retired = True
        self.root.sweep()

    def is_last_resort(self) -> bool:
        """Whether it is to be used although it is stale: there can be no new one for now."""
        return self.router.loop.clock() < self.last_resort_until

    def sweep(self) -> None:
        """End what is retired and done with, here and below."""
        for child in self.all_children():
            child.sweep()
        if self._is_retired and self.facts is not None and not self.dead and self.is_idle():
            self.leave()

    def leave(self) -> None:
        """End the context with all below it, after all that it was told."""
        raise NotImplementedError

    def judged(self, message: Message, error: Error) -> Error:
        """What the error that a message for a request brought really is."""
        if not isinstance(error, ChannelError) or not str(error).startswith(ops.STALE):
            return error
        root = self.root.context
        return StaleError(self.root if root is not None and message.src_id == root.id else self, str(error))

    # -- its life

    def adopt(self, context: Context, facts: Any) -> None:
        """The agent of this node has answered. DecodeError if that is no answer."""
        if type(facts) is not dict or any(type(facts.get(name)) is not kind for name, kind in _FACTS.items()):
            raise DecodeError('its agent states no facts')
        self.context = context
        self.facts = {name: facts[name] for name in _FACTS}
        self._answer(None)

    def clause(self, reason: str) -> str:
        """A reason without the name of this context before it: whoever hears it is told the name as well."""
        return reason.removeprefix(f'{self.context}: ')

    def fail(self, error: Error) -> None:
        """It never will."""
        self.dead = self.dead or str(error)
        self._answer(error)

    def lost(self, reason: str) -> None:
        """The context has ended."""
        self.dead = self.dead or reason

    def _answer(self, error: Error | None) -> None:
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback(error)
        self._was_used()


class RootNode(Node):
    """The context of the account that is logged in to. on_end(): called once it is dead, perhaps more than once."""

    def __init__(self, router: Router, spec: Spec, on_end: Callable[[], None]) -> None:
        Node.__init__(self, router, None)
        self.host: str = spec.host
        self.way = connect.choice(spec)[1]
        #: It is lost, or will never be; one that was told to leave is dead before.
        self.is_over = False
        self._on_end = on_end
        self._is_linked = False
        self._starter: Starter | None = None
        self._deadline = router.loop.call_later(2 * spec.timeout_s + 2, self._too_late)
        try:
            self._starter = Starter(router, spec.host, connect.launcher(spec), self._on_link, self.fail, spec.timeout_s)
        except StartError as exc:
            error = exc
            router.loop.call_soon(lambda: self.fail(error))
            return
        self.context = self._starter.context
        router.on_gone(self.context, self.lost)
        # Both are in the pipe before the child reads its first byte.
        router.responder.push(self.context, [AGENT_MODULE])
        self.context.request_async(handles.CALL_FUNCTION, ((AGENT_MODULE, 'start'), (), {}), self._on_facts)

    def said(self) -> str:
        dialogue: Any = None if self._starter is None else self._starter.dialogue
        return str(dialogue.said) if dialogue else ''

    def command(self) -> list[str]:
        return self._starter.command if self._starter is not None else []

    def _last_said(self) -> list[str]:
        lines = [line for line in self.said().splitlines() if line and not line.startswith(messages.SSH_DEBUG)]
        return ['It said:', *lines[-MAX_LOGGED_LINES:]] if lines else []

    def _on_link(self, context: Context) -> None:
        self._is_linked = True

    def _on_facts(self, message: Message) -> None:
        if message.is_dead or self.dead:
            return  # `lost` or the starter know why
        try:
            assert self.context is not None
            self.adopt(self.context, message.value())
            self._deadline.cancel()
        except Error as exc:
            self.fail(StartError('died', self.host, f'its agent did not start: {exc}', _OVERFULL))

    def _too_late(self) -> None:
        if self.facts is None:
            self.fail(StartError('timeout', self.host, 'its agent did not answer in time', 'Raise the timeout.'))

    def fail(self, error: Error) -> None:
        self._deadline.cancel()
        if self.facts is None and not self.has_left:
            _log.warning('%s%s', error, ''.join(f'\n  {line}' for line in self._last_said()))
        super().fail(error)
        self.flow.close()
        self._end()
        self.is_over = True
        self._on_end()

    def lost(self, reason: str) -> None:
        # A start that fails is explained by the starter, which has still to read what the program said.
        if self.facts is None and self._is_linked:
            self.fail(StartError('died', self.host, self.clause(reason), _OVERFULL))
        elif self.facts is not None:
            super().lost(self.clause(reason))
            self.flow.close()
            self.is_over = True
            self._on_end()

    def is_idle(self) -> bool:
        return super().is_idle() and not self.flow.is_busy()

    def reinstate(self) -> None:
        """Take the retirement back, for some time: a new login is not possible."""
        self._is_retired = False
        self.last_resort_until = self.router.loop.clock() + LAST_RESORT_S

    def retire(self) -> None:
        super().retire()
        if self.facts is None and not self.dead and self.is_idle():
            self.leave()

    def leave(self) -> None:
        self.has_left = True
        if self.facts is None:
            self.fail(StartError('died', self.host, 'it was reset while it started', 'Try again.'))
        else:
            self.dead = self.dead or 'it was reset'
            self._end()

    def _end(self) -> None:
        if self._starter is not None:
            self._starter.give_up(StartError('died', self.host, self.dead or ''))
            self._starter.leave()


class ChildNode(Node):
    """A context below a root, of another account.

    session: the client that answers its prompts; 0 if there will be none. marker: '' or what the command shows when
    nothing stands between it and the first stage any more; on_output(data) gets what it shows before.
    """

    def __init__(self, parent: Node, name: str, session: int, command: list[str], has_tty: bool, marker: str,
                 timeout_s: float, on_output: Callable[[bytes], None]) -> None:  # fmt: skip
        Node.__init__(self, parent.router, parent.root)
        self.name = f'{parent.context} {name}'[:MAX_NAME_CHARS]
        self.session = session
        #: That its client could not have it says nothing to others who want it.
        self.given_up = False
        self._on_output = on_output
        self._output_bytes = 0
        self._shown = b''
        self.has_tty = has_tty
        self._parent = parent
        #: Whether it is of another account, and not only of another interpreter.
        self.is_lent = bool(marker)
        self.started_at = parent.router.loop.clock()
        self._on_gone: list[Callable[[ChildNode], None]] = []
        # The agent has deadlines of its own, for each step; this one is for an agent that keeps none.
        self._deadline = parent.router.loop.call_later(3 * timeout_s, self._too_late)
        self._handle = parent.request(
            ops.CHILD, session, (self.name, command, has_tty, marker, timeout_s), self._on_message
        )

    def asked_for_tty(self, has_password: bool) -> bool:
        """Whether its command, which had no terminal, refused for the lack of one.

        has_password: whether there is one to be typed on it; else it is of no use to who only wants to ask for that.
        """
        if self.has_tty:
            return False
        for_password = has_password and _ASKS_FOR_TERMINAL.search(self._shown) is not None
        return for_password or _ASKS_FOR_TTY.search(self._shown) is not None

    def type(self, data: bytes) -> None:
        """Answer a prompt."""
        self._parent.tell(ops.CHILD_INPUT, self.session, (self._handle, data))

    def fail(self, error: Error) -> None:
        self._deadline.cancel()
        self._parent.finish(self._handle)
        super().fail(error)
        self._is_gone()

    def lost(self, reason: str) -> None:
        super().lost(reason)
        if not self.has_left:
            self._is_gone()

    @property
    def is_retired(self) -> bool:
        return self._is_retired or self._parent.is_retired

    @property
    def account(self) -> Node:
        return self if self.is_lent else self._parent.account

    def retire(self) -> None:
        if not self.dead:
            self._parent.detach(self)
        super().retire()

    def leave(self) -> None:
        assert self.context is not None
        self.has_left = True
        self.dead = self.dead or 'it was ended'

        def gone(message: Message) -> None:
            self._parent.finish(handle)
            self._is_gone()

        try:
            handle = self._parent.request(ops.DISMISS, 0, (self.context.id,), gone)
        except ChannelError:
            self._is_gone()  # with everything else

    def when_gone(self, callback: 'Callable[[ChildNode], None]') -> None:
        """Call back with this node once it is dead and, so far as its parent can tell, no process of it is left."""
        self._on_gone.append(callback)

    def _is_gone(self) -> None:
        self._parent.forget(self)
        on_gone, self._on_gone = self._on_gone, []
        for callback in on_gone:
            callback(self)

    def _too_late(self) -> None:
        self.fail(StartError('timeout', self.name, 'it was not there in time', 'Raise the timeout.'))

    def _on_message(self, message: Message) -> None:
        try:
            self._take(message.value())
        except ChannelError as exc:
            self.given_up = True
            self.fail(self._parent.judged(message, exc))
        except Error as exc:
            self.fail(StartError('died', self.name, f'its parent does not keep to the protocol: {exc}', 'Try again.'))

    def _take(self, value: Any) -> None:
        shape = tuple(map(type, value)) if type(value) is tuple else ()
        kind = value[0] if shape else None
        if kind == ops.CHILD_OUTPUT and shape == (str, bytes):
            self._output_bytes += len(value[1])
            if self._output_bytes > 2 * MAX_NOISE_BYTES:
                raise DecodeError('it prints without end')
            self._shown = (self._shown + value[1])[-_MAX_SHOWN_BYTES:]
            self._on_output(value[1])
        elif kind == ops.CHILD_READY and shape == (str, int, dict):
            self._arrive(*value[1:])
        elif kind == ops.CHILD_FAILED and shape[:5] == (str, str, str, str, str) and _is_status(value[5:]):
            self.fail(StartError(*value[1:]))
        else:
            raise DecodeError('it does not say how its child is')

    def _arrive(self, context_id: int, facts: dict[Any, Any]) -> None:
        # What is meant for this account must not go to another host because one host says so.
        root = self.root.context
        assert root is not None
        if self.router.link_for(context_id) is not self.router.link_for(root.id) or context_id in self.root.contexts():
            raise DecodeError('it names a context that is not its child')
        context = self.router.context(context_id, self.name)
        self._deadline.cancel()
        self._parent.finish(self._handle)
        self.router.on_gone(context, self.lost)
        self.adopt(context, facts)


def _is_status(values: tuple[Any, ...]) -> bool:
    return len(values) == 1 and type(values[0]) in (int, type(None))


def boot_argv(router: Router, python: str) -> list[str]:
    """The command that makes `python` a context, given the second stage on its stdin."""
    return first_stage.argv([python], first_stage.second_stage_size(router.bundle))
