"""Node: one context with an agent, from its start to its end, and its children of other accounts.

It starts at once; `when_ready` calls back when the agent has answered, or the start has failed. Requests to the agent
of a child travel through that of its root, so that they keep their order with the root's; what has to pass a failure
there goes straight (_FREE). Requests, sessions and waiting callbacks hold a node; a retired one leaves when none does.

The base of root_node.py (the context of a login) and child_node.py (of another account below it).
"""

import itertools
import logging
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from svcfw.agent import ops, packing, requests
from svcfw.boot import first_stage
from svcfw.core import handles
from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.core.wire.errors import ChannelError, DecodeError, Error
from svcfw.core.wire.frames import Frame
from svcfw.mux.server import telling
from svcfw.mux.server.remote_cache import RemoteCache
from svcfw.mux.server.turns import LinkTurns
from svcfw.program.router import Router

if TYPE_CHECKING:
    from svcfw.core.sealed.seal import Seal

_log = logging.getLogger('svcfw.mux')
_numbers = itertools.count(1)

#: error is None once the node can be used; a ChannelError if its parent is gone.
OnReady = Callable[[Error | None], None]

#: Operations on which later failures must not depend go through the root's agent, which knows of its own failures.
_FREE = (
    requests.Members, requests.Forget, requests.Content, requests.Drop, requests.Pass, requests.Grant,
    requests.ChildInput, requests.End, requests.Anyway, requests.Dismiss, requests.Timed, requests.Wipe,
)  # fmt: skip
#: Those whose fields are mostly text, and much the same each time.
_TEXTS = (requests.Module, requests.Command)
AGENT_MODULE = 'svcfw.agent.agent'
#: What reads the first sign of life; else agents would have to ask for it.
_SILENCE = 'svcfw.agent.links.silence'
_FACTS = {'home': str, 'user': str, 'uid': int, 'python': str, 'version': tuple, 'shell': str}


class StaleError(ChannelError):
    """A context differs from what a new one would be, and has therefore refused a request.

    said_by: the node whose agent refused; its earlier requests are done.
    """

    def __init__(self, said_by: 'Node', reason: str) -> None:
        ChannelError.__init__(self, f'{said_by.context}: {reason}')
        self.said_by = said_by


class Node:
    """A context with an agent. `facts` is None until the agent answers; `dead` is the reason once it will not any more.

    A *retired* one gets no new requests: they go to a new one. It ends when no request or session holds it any more.
    Everything runs on the loop thread.
    """

    def __init__(self, router: Router, root: 'Node | None') -> None:
        self.router = router
        #: For users: the host, of a child also that it is one.
        self.name = ''
        #: Of what is sent to it (svcfw.core.sealed), where it is of another account than the login.
        self.seal: Seal | None = None
        #: The node of the login's context: this one, or the one below which it is.
        self.root = root or self
        self.context: Context | None = None
        self.facts: dict[str, Any] | None = None
        self.dead: str | None = None
        self.failure: Error | None = None  # if its start has failed
        #: It ends because it was told to, after all earlier requests.
        self.has_left = False
        #: {become key: node}; retired ones until they have ended.
        self.children: dict[Hashable, Node] = {}
        self._retired_children: set[Node] = set()
        self._is_retired = False
        #: Of a root: whether it or a descendant may have to be ended when idle.
        self.has_retired = False
        #: Of a stale root: until when no new login is tried.
        self.last_resort_until = 0.0
        #: Whether commands that start children of other accounts have asked for a terminal here.
        self.wants_tty = False
        #: The run of ansible that started it, if it wants to be told: see telling.py.
        self.run = ''
        #: Of a root: the transport and the reason, as text for users.
        self.way = ''
        #: Names it to clients; never used again.
        self.key = telling.key(next(_numbers))
        #: The interpreters for which it is ready for secrets.
        self._for_secrets: set[tuple[str, ...]] = set()
        self.sent_bytes = 0  # of a root: bytes written to its link
        self.began_at = router.loop.clock()
        #: What keeps it from ending: requests by handle (operation, since when), holders, callbacks of `when_ready`.
        self._requests: dict[int, tuple[str, float]] = {}
        self._holders: set[Hashable] = set()
        self._waiting: list[OnReady] = []
        self._last_used = router.loop.clock()
        self.flow: LinkTurns = root.flow if root else LinkTurns(router.loop.clock)
        self.remote_cache: RemoteCache = RemoteCache(
            lambda request: self.tell(0, request),
            self.flow,
            root.remote_cache if root else None,
            lambda: self.context.id,  # type: ignore[union-attr]
        )

    def when_ready(self, callback: OnReady) -> None:
        """Call back once the agent answers or the start has failed; perhaps at once."""
        if self.facts is not None or self.failure is not None:
            callback(self.failure)
        else:
            self._waiting.append(callback)

    def boot_command(self, marker: str) -> str:
        """Text for `sh -c` that starts a child of this node's context under another account; prints `marker` first."""
        assert self.facts is not None
        # The other account may not be able to reach our interpreter (below a home with mode 0700): then it searches.
        search = first_stage.nested_text(
            first_stage.SEALED_STAGE_BYTES, [self.facts['python']] if self.facts['python'] else []
        )
        return f'echo {marker}; exec {search}'

    # -- messages to the agent

    def request(self, session: int, request: requests.Request, on_message: Callable[[Message], None]) -> int:
        """Send a request; `on_message` gets its messages until `finish(handle)` or a dead one. Returns the handle."""
        assert self.context is not None
        handle = self.router.add_handler(on_message, respondent=self.context)
        self._requests[handle] = request.operation, self.router.loop.clock()
        try:
            self._send(session, request, handle)
        except BaseException:
            self.finish(handle)
            raise
        return handle

    def finish(self, handle: int) -> None:
        """The request with this handle has ended. Idempotent."""
        self._requests.pop(handle, None)
        self.router.remove_handler(handle)
        self._was_used()

    def tell(self, session: int, request: requests.Request) -> None:
        """Send a request without answer. No-op if the context is gone."""
        self._send(session, request, 0)

    def _send(self, session: int, request: requests.Request, reply_to: int) -> None:
        assert self.context is not None
        self._last_used = self.router.loop.clock()
        encoded = self.router.codec.encode(request.sent_by(session))
        is_text = isinstance(request, _TEXTS)
        if self is self.root or isinstance(request, _FREE):
            self._transmit(self.context.id, encoded, reply_to, is_text)
        else:
            own_id = self.router.own_id
            frame = Frame(self.context.id, own_id, own_id, handles.AGENT, reply_to, 0, encoded)
            sealed = self.seal.relayed(frame) if self.seal else encoded
            relay = self.router.codec.encode(requests.Relay(self.context.id, sealed).sent_by(session))
            self._transmit(self.root.context.id, relay, reply_to, is_text)  # type: ignore[union-attr]

    def _transmit(self, context_id: int, request: bytes, reply_to: int, is_text: bool) -> None:
        if is_text and packing.is_packed(request):
            request = self.router.codec.encode(packing.pack(request))
        own_id = self.router.own_id
        self.router.send(Frame(context_id, own_id, own_id, handles.AGENT, reply_to, 0, request))
        self.root.sent_bytes += len(request)
        if self.root.context is not None and context_id == self.root.context.id:
            self.flow.sent(len(request))

    def is_asked(self) -> bool:
        """Whether an answer of its agent is waited for."""
        return bool(self._requests)

    def calls(self) -> list[tuple[str, float]]:
        """(operation, when it was asked for) of each request that its agent has not answered."""
        return list(self._requests.values())

    def waiters(self) -> int:
        """How many wait for its start."""
        return len(self._waiting)

    def ask_for_life(self, on_answer: Callable[[Message], None]) -> None:
        """Ask the agent what it answers at once, and what counts for no use of it. A dead message counts as well."""
        self._say(requests.Flush(), self.router.add_handler(on_answer, respondent=self.context, once=True))

    def is_ready_for_secrets(self, interpreter: list[str], then: Callable[[], None]) -> bool:
        """Whether its agent wipes memory, and has what modules are forked from; if not, `then()` is called once it has.

        A process that is forked while a secret is in memory keeps it.
        """
        words = tuple(interpreter)

        def ready(message: Message) -> None:
            self.finish(handle)
            self._for_secrets.add(words)
            then()

        if words in self._for_secrets:
            return True
        handle = self.request(0, requests.Wipe(interpreter), ready)
        return False

    def say_alive(self, silence_s: float, proof: bytes, expected: bytes) -> None:
        """Tell the agent that the controller is there (requests.Alive); counts for no use of it either."""
        assert self.context is not None
        if not proof:
            self.router.responder.push(self.context, [_SILENCE])
        self._say(requests.Alive(silence_s, proof, expected), 0)

    def _say(self, request: requests.Request, reply_to: int) -> None:
        assert self.context is not None
        encoded, own_id = self.router.codec.encode(request.sent_by(0)), self.router.own_id
        self.router.send(Frame(self.context.id, own_id, own_id, handles.AGENT, reply_to, 0, encoded))

    def give_up(self, reason: str) -> None:
        """End it, whatever it was asked: it does not answer."""
        self.expel(f'{self.context}: {reason}')

    def said(self) -> str:
        """Output on the transport program's error stream before the link was up."""
        return ''

    def command(self) -> list[str]:
        """The transport program with its arguments."""
        return []

    def expel(self, reason: str) -> None:
        """Close the link of a host that broke the protocol."""
        assert self.context is not None
        _log.warning('%s', reason)
        link = self.router.link_for(self.context.id)
        if link is not None:
            link.close(reason)

    # -- use

    def hold(self, holder: Hashable) -> None:
        """Prevent its end until `release(holder)`: a request is on its way, or an unanswered one may not be done."""
        self._holders.add(holder)

    def release(self, holder: Hashable) -> None:
        """Undo `hold`. Idempotent."""
        self._holders.discard(holder)
        self._was_used()

    def is_idle(self) -> bool:
        """Whether neither it nor a descendant has requests or holders."""
        is_in_use = self._requests or self._holders or self._waiting
        return not is_in_use and all(child.is_idle() for child in self.all_children())

    def idle_since(self) -> float:
        return max([self._last_used, *(child.idle_since() for child in self.children.values())])

    def contexts(self) -> set[int]:
        """The ids of this node's context and of its descendants."""
        own = set() if self.context is None else {self.context.id}
        return own.union(*(child.contexts() for child in self.all_children()))

    def all_children(self) -> 'list[Node]':
        """All children, including retired ones that have not ended."""
        return [*self.children.values(), *self._retired_children]

    def _was_used(self) -> None:
        self._last_used = self.router.loop.clock()
        if self.root.has_retired:
            # Later: the holder may be about to hold it again.
            self.router.loop.call_soon(self.root.sweep)

    # -- retirement

    @property
    def is_retired(self) -> bool:
        return self._is_retired

    def detach(self, child: 'Node') -> None:
        """Let no request find this child any more."""
        self.forget(child)
        self._retired_children.add(child)

    def forget(self, child: 'Node') -> None:
        """This child has ended."""
        self._retired_children.discard(child)
        for key in [key for key, each in self.children.items() if each is child]:
            del self.children[key]

    def retire(self) -> None:
        """Give it no new requests, and end it once it is idle."""
        self._is_retired = self.root.has_retired = True
        self.root.sweep()

    def is_last_resort(self) -> bool:
        """Whether to use it although it is stale: a new one cannot be started for now."""
        return self.router.loop.clock() < self.last_resort_until

    def sweep(self) -> None:
        """End idle retired nodes, this one and descendants."""
        for child in self.all_children():
            child.sweep()
        if self._is_retired and self.facts is not None and not self.dead and self.is_idle():
            self.leave()

    def leave(self) -> None:
        """End the context with its descendants, after all earlier requests."""
        raise NotImplementedError

    def judged(self, message: Message, error: Error) -> Error:
        """The real meaning of the error that a message for a request brought."""
        if not isinstance(error, ChannelError) or not str(error).startswith(ops.STALE):
            return error
        root = self.root.context
        return StaleError(self.root if root is not None and message.src_id == root.id else self, str(error))

    # -- life cycle

    def adopt(self, context: Context, facts: Any) -> None:
        """The agent of this node has answered. Raises DecodeError for a malformed answer."""
        if type(facts) is not dict or any(type(facts.get(name)) is not kind for name, kind in _FACTS.items()):
            raise DecodeError('malformed facts of an agent')
        self.context = context
        self.facts = {name: facts[name] for name in _FACTS}
        self._answer(None)

    def clause(self, reason: str) -> str:
        """A reason without the name of this context before it: errors have the name as well."""
        return reason.removeprefix(f'{self.context}: ')

    def fail(self, error: Error) -> None:
        """The start has failed."""
        self.failure = self.failure or error
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
