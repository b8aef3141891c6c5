"""Exchange: one request to an agent. Validates its messages and passes them to the client."""

from collections.abc import Callable
from typing import Any

from svcfw.agent import ops
from svcfw.agent.requests import Grant, Request
from svcfw.core.message import Message
from svcfw.core.stream import Stream
from svcfw.core.wire.errors import CallError, ChannelError, DecodeError, Error, StartError, WindowError
from svcfw.core.wire.limits import WINDOW_BYTES
from svcfw.mux.server.node import Node

_WITH_OUTPUT = frozenset({ops.COMMAND, ops.MODULE, ops.FETCH})
#: Parts that the client has not consumed. Credit bounds only their bytes; a correct agent's parts have at least 8 KiB.
MAX_PARTS = 2000
#: The type of an answer, if not None.
_ANSWERS = {ops.EXPAND: str, ops.PUT_KEPT: bool}
_PART = (str, bytes, bytes)
_DONE = (str, int, bytes, bytes)
_DONES = frozenset({_DONE, (*_DONE, int)})  # with the time
_MODULE_DONES = _DONES | {(*_DONE, int, int), (*_DONE, int, int, int)}  # with its run
_UNFIT = (str, str)

#: on_part(stdout, stderr); on_end(value or the Error that ended it).
OnPart = Callable[[bytes, bytes], None]
OnEnd = Callable[[Any], None]


class Exchange:
    """Begins with the constructor and ends with `on_end`, or `close`. Loop thread only.

    session: the client's number for the agent; client: its stream, with whose speed the agent has to keep. Raises
    ChannelError in the constructor if the node is gone.
    """

    def __init__(self, node: Node, session: int, client: Stream, request: Request,
                 on_part: OnPart, on_end: OnEnd) -> None:  # fmt: skip
        if node.dead:
            raise ChannelError(node.dead)
        self._node = node
        self._session = session
        self._client = client
        self._operation = request.operation
        self._on_part = on_part
        self._on_end = on_end
        self._credit = WINDOW_BYTES
        self._parts = 0
        #: At its end: its duration on the target, if the agent was asked to tell, and the bytes of output.
        self.target_us = 0
        self.received_bytes = 0
        #: Of a module: which run of its process it was, and why that was a new one (kinds.KINDS).
        self.ran = (0, 0)
        self._handle = node.request(session, request, self._on_message)

    @property
    def handle(self) -> int:
        """By which the agent knows the request."""
        return self._handle

    def close(self) -> None:
        """The client is not interested any more."""
        self._node.finish(self._handle)

    def _on_message(self, message: Message) -> None:
        try:
            value = message.small_value()
            if self._is_part(value):
                self._receive(len(value[1]) + len(value[2]))
                self._on_part(value[1], value[2])
                self._grant_when_taken(len(value[1]) + len(value[2]))
                return
            result = self._result(value)
        except (CallError, ChannelError) as exc:
            self._end(self._node.judged(message, exc))
        except Error as exc:
            # An agent that breaks the protocol is not trusted any further.
            reason = f'{self._node.context} broke the protocol: {exc}'
            self._end(ChannelError(reason))
            self._node.root.expel(reason)
        else:
            self._end(result)

    def _end(self, result: Any) -> None:
        self.close()
        self._on_end(result)

    def _is_part(self, value: Any) -> bool:
        return self._operation in _WITH_OUTPUT and _shape(value) == _PART and value[0] == ops.PART

    def _result(self, value: Any) -> Any:
        if self._operation in _WITH_OUTPUT:
            shapes = _MODULE_DONES if self._operation == ops.MODULE else _DONES
            if _shape(value) in shapes and value[0] == ops.DONE:
                more = value[len(_DONE) :]
                self.ran = more[:2] if len(more) > 1 else (0, 0)
                self.target_us = more[-1] if len(more) % 2 else 0
                self.received_bytes += len(value[2]) + len(value[3])
                return value[1:4]
            if self._operation == ops.MODULE and _shape(value) == _UNFIT and value[0] == ops.UNFIT:
                return StartError('interpreter', str(self._node.context), f'it cannot be kept warm: {value[1]}')
        elif type(value) is _ANSWERS.get(self._operation, type(None)):
            return value
        raise DecodeError(f'malformed answer to {self._operation!r}')

    def _receive(self, size: int) -> None:
        if self._parts >= MAX_PARTS:
            raise WindowError(f'more than {MAX_PARTS} parts arrived before the first was consumed')
        if size > self._credit:
            raise WindowError(f'{size} bytes arrived, only {self._credit} were granted')
        self._credit -= size
        self._parts += 1
        self.received_bytes += size

    def _grant_when_taken(self, size: int) -> None:
        """Grant credit once the client has room; at once if it has, because the agent measures the path by that."""

        def taken() -> None:
            self._credit += size
            self._parts -= 1
            self._node.tell(self._session, Grant(self._handle, size))

        if self._client.is_full():
            self._client.when_room(taken)
        else:
            taken()


def _shape(value: Any) -> tuple[type, ...]:
    return tuple(map(type, value)) if type(value) is tuple else ()
