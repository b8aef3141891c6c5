"""ChildNode: the context of another account, started by a become plugin's command below the login's context."""

import logging
import os
import re
from collections.abc import Callable
from typing import Any

from svcfw.agent import ops, requests
from svcfw.core import handles, load
from svcfw.core.message import Message
from svcfw.core.parent.relay import relay_of
from svcfw.core.wire.errors import ChannelError, DecodeError, Error, StartError
from svcfw.core.wire.frames import Frame
from svcfw.core.wire.limits import MAX_NOISE_BYTES
from svcfw.mux.server.node import AGENT_MODULE, Node

#: The first message to a child has limited space for its name.
MAX_NAME_CHARS = 100

_log = logging.getLogger('svcfw.mux')

# sudo (requiretty) and doas; sudo's sentence is translated, the word in it is not. Then what sudo says where it only
# lacks a way to ask for the password.
_ASKS_FOR_TTY = re.compile(rb'\btty\b', re.IGNORECASE)
_ASKS_FOR_TERMINAL = re.compile(rb'\bterminal\b', re.IGNORECASE)
_MAX_SHOWN_BYTES = 4096


class ChildNode(Node):
    """A context of another account, below a root.

    session: the client that answers its prompts; 0 if there will be none. marker: printed when the first stage is the
    next to read; on_output(data) gets what was printed before.
    """

    def __init__(self, parent: Node, name: str, session: int, command: list[str], has_tty: bool, marker: str,
                 timeout_s: float, on_output: Callable[[bytes], None]) -> None:  # fmt: skip
        Node.__init__(self, parent.router, parent.root)
        self.name = f'{parent.context} {name}'[:MAX_NAME_CHARS]
        self.session = session
        #: The failure concerns only its client: others who want the context start it again.
        self.given_up = False
        self._on_output = on_output
        self._output_bytes = 0
        self._shown = b''
        self.has_tty = has_tty
        self._parent = parent
        self.started_at = parent.router.loop.clock()
        self._on_gone: list[Callable[[ChildNode], None]] = []
        # The agent has deadlines of its own for each step; this one is for an agent without.
        self._deadline = parent.router.loop.call_later(3 * timeout_s, self._too_late)
        sealing = load('svcfw.core.sealed.seal')  # not every multiplexer needs it
        key = os.urandom(sealing.KEY_BYTES)
        self.seal = sealing.Seal(key)
        self._handle = parent.request(
            session,
            requests.Child(self.name, command, has_tty, marker, timeout_s, key, *self._first(sealing.ITSELF)),
            self._on_message,
        )

    def _first(self, itself: int) -> list[bytes]:
        """The payloads of the first frames for it, which its parent sends as soon as it can be reached."""
        assert self._parent.context is not None
        assert self.seal is not None
        start = (AGENT_MODULE, 'start'), (), {'is_lent': True, 'is_below': True}
        digests = self.router.responder.digests(AGENT_MODULE)
        sender = self._parent.context.id
        frames = [
            Frame(itself, sender, sender, handle, 0, 0, self.router.codec.encode(value))
            for handle, value in ((handles.LOAD_MODULE, digests), (handles.CALL_FUNCTION, start))
        ]
        return [self.seal.sealed(frame) for frame in frames]

    def asked_for_tty(self, has_password: bool) -> bool:
        """Whether its command refused because it had no terminal.

        has_password: whether one can be typed; otherwise a terminal that is needed only to ask for one is of no use.
        """
        if self.has_tty:
            return False
        for_password = has_password and _ASKS_FOR_TERMINAL.search(self._shown) is not None
        return for_password or _ASKS_FOR_TTY.search(self._shown) is not None

    def type(self, data: bytes) -> None:
        """Answer a prompt."""
        self._parent.tell(self.session, requests.ChildInput(self._handle, data))

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
            handle = self._parent.request(0, requests.Dismiss(self.context.id), gone)
        except ChannelError:
            self._is_gone()  # with the root

    def give_up(self, reason: str) -> None:
        """Others on the host go on."""
        _log.warning('%s: %s', self.name, reason)
        self._parent.detach(self)
        self.leave()

    def when_gone(self, callback: 'Callable[[ChildNode], None]') -> None:
        """Call back with this node once it is dead and, as far as its parent can tell, its processes have ended."""
        self._on_gone.append(callback)

    def _is_gone(self) -> None:
        self._parent.forget(self)
        on_gone, self._on_gone = self._on_gone, []
        for callback in on_gone:
            callback(self)

    def _too_late(self) -> None:
        self.fail(StartError('timeout', self.name, 'not ready in time', 'Raise the timeout.'))

    def _on_message(self, message: Message) -> None:
        try:
            self._take(message.small_value())
        except ChannelError as exc:
            self.given_up = True
            self.fail(self._parent.judged(message, exc))
        except Error as exc:
            self.fail(StartError('died', self.name, f'its parent broke the protocol: {exc}', 'Try again.'))

    def _take(self, value: Any) -> None:
        shape = tuple(map(type, value)) if type(value) is tuple else ()
        kind = value[0] if shape else None
        if kind == ops.CHILD_OUTPUT and shape == (str, bytes):
            self._output_bytes += len(value[1])
            if self._output_bytes > 2 * MAX_NOISE_BYTES:
                raise DecodeError('too much output before the marker')
            self._shown = (self._shown + value[1])[-_MAX_SHOWN_BYTES:]
            self._on_output(value[1])
        elif kind == ops.CHILD_READY and shape == (str, int, dict):
            self._arrive(*value[1:])
        elif kind == ops.CHILD_FAILED and shape[:5] == (str, str, str, str, str) and _is_status(value[5:]):
            self.fail(StartError(*value[1:]))
        else:
            raise DecodeError('malformed answer to CHILD')

    def _arrive(self, context_id: int, facts: dict[Any, Any]) -> None:
        # Messages for this account must not go to another host because one host says so.
        root = self.root.context
        assert root is not None
        if self.router.link_for(context_id) is not self.router.link_for(root.id) or context_id in self.root.contexts():
            raise DecodeError('the id is not that of a new child')
        context = self.router.context(context_id, self.name)
        self._on_output = lambda data: None
        self._deadline.cancel()
        self._parent.finish(self._handle)
        self.router.on_gone(context, self.lost)
        assert self.seal is not None
        self.seal.context_id = context_id
        relay_of(self.router).seals[context_id] = self.seal
        self.router.responder.allow(context, AGENT_MODULE)
        self.adopt(context, facts)


def _is_status(values: tuple[Any, ...]) -> bool:
    return len(values) == 1 and type(values[0]) in (int, type(None))
