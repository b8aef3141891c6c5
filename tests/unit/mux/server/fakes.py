"""Stand-ins for what a session talks with: its client's stream, the server, nodes."""

from collections.abc import Callable
from typing import Any

from svcfw.agent import ops
from svcfw.agent.requests import Request
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.frames import Frame
from svcfw.core.wire.link import Closed, Goodbye
from svcfw.mux import protocol
from svcfw.mux.server.members import ModuleZips
from svcfw.mux.server.node import StaleError
from svcfw.mux.server.session import Session

_codec = Codec()


def bare(operation: str) -> Request:
    """A request of which only the operation counts."""
    return type('Bare', (Request,), {'__slots__': (), 'operation': operation})()


class FakeStream:
    """One side of a link; what was sent is kept, decoded, as (handle, number, value)."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int, Any]] = []
        self.closed = False
        self.full = False
        self.paused = 0
        self.on_closed: Callable[[Any, str], None] = lambda stream, reason: None
        self._on_room: list[Callable[[], None]] = []

    def send(self, frame: Frame) -> None:
        self.sent.append((frame.handle, frame.reply_to, _codec.decode(frame.payload)))

    def is_full(self) -> bool:
        return self.full

    def when_room(self, callback: Callable[[], None]) -> None:
        self._on_room.append(callback)

    def make_room(self) -> None:
        self.full = False
        callbacks, self._on_room = self._on_room, []
        for callback in callbacks:
            callback()

    def pause_reading(self) -> None:
        self.paused += 1

    def resume_reading(self) -> None:
        self.paused -= 1

    def close(self, reason: str) -> None:
        if not self.closed:
            self.closed = True
            self.on_closed(self, reason)


class FakeContext:
    def __init__(self, number: int) -> None:
        self.id = number

    def __str__(self) -> str:
        return f'context {self.id}'


class FakeFlow:
    """A link that has room unless told otherwise."""

    def __init__(self) -> None:
        self.full = False
        self.chunk = 1 << 30
        self._waiting: list[Callable[[], None]] = []

    def chunk_bytes(self) -> int:
        return self.chunk

    def when_room(self, callback: Callable[[], None]) -> None:
        if self.full:
            self._waiting.append(callback)
        else:
            callback()

    def make_room(self) -> None:
        self.full = False
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()


class FakeSupply:
    """What a node is given; contents arrive when told to, at once unless `held_back` is a list."""

    def __init__(self) -> None:
        self.given: list[Any] = []
        self.contents: list[tuple[bytes, bytes]] = []
        self.held_back: list[Callable[[], None]] | None = None
        self.put: list[tuple[bytes, int]] = []
        self.missing: list[bytes] = []
        self.doubts = 0

    def members(self, members: Any) -> None:
        self.given += members

    def content(self, digest: bytes, content: bytes, then: Callable[[], None]) -> None:
        self.contents.append((digest, content))
        if self.held_back is None:
            then()
        else:
            self.held_back.append(then)

    def was_put(self, digest: bytes, size: int) -> None:
        self.put.append((digest, size))

    def large(self, size: int) -> list[bytes]:
        return [digest for digest, each in self.put if each == size]

    def was_missing(self, digest: bytes) -> None:
        self.missing.append(digest)

    def doubt(self) -> None:
        self.doubts += 1


class FakeNode:
    """A node that is up when told to, and answers when told to."""

    def __init__(self, number: int = 1, *, up: bool = True) -> None:
        self.context = FakeContext(number)
        self.root = self
        self.run = ''
        self.key = f'1.{number}'
        self.sent_bytes = 0
        self.way = 'openssh (ssh found)'
        self.facts = {'python': '/usr/bin/python3'} if up else None
        self.dead: str | None = None
        self.has_left = False
        self.is_retired = False
        self.holders: set[Any] = set()
        self.last_resort = False
        self.children: dict[Any, Any] = {}
        self.told: list[tuple[str, int, tuple[Any, ...]]] = []
        self.asked: dict[int, tuple[str, tuple[Any, ...], Callable[[Any], None]]] = {}
        self.remote_cache = FakeSupply()
        self.flow = FakeFlow()
        self.expelled: list[str] = []
        self._handle = 1000
        self._waiting: list[Callable[[Any], None]] = []

    def when_ready(self, callback: Callable[[Any], None]) -> None:
        if self.facts is not None:
            callback(None)
        else:
            self._waiting.append(callback)

    def come_up(self, error: Any = None) -> None:
        if error is None:
            self.facts = {'python': '/usr/bin/python3'}
        else:
            self.dead = str(error)
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback(error)

    def tell(self, session: int, request: Request) -> None:
        self.told.append(request.sent_by(session))

    def request(self, session: int, request: Request, on_message: Any) -> int:
        self._handle += 1
        self.asked[self._handle] = (request.operation, request.values(), on_message)
        return self._handle

    def is_ready_for_secrets(self, interpreter: list[str], then: Callable[[], None]) -> bool:
        return True

    def finish(self, handle: int) -> None:
        self.asked.pop(handle, None)

    def answer(self, value: Any, handle: int | None = None) -> None:
        """Deliver what the agent says to its (only) open request; an exception is raised by the message's value()."""
        key = handle or next(iter(self.asked))
        self.asked[key][2](FakeMessage(value))

    def said(self) -> str:
        return 'debug1: said'

    def command(self) -> list[str]:
        return ['ssh', 'web1', 'boot']

    def is_last_resort(self) -> bool:
        return self.last_resort

    def all_children(self) -> list[Any]:
        return list(self.children.values())

    def is_idle(self) -> bool:
        return False

    def hold(self, holder: Any) -> None:
        self.holders.add(holder)

    def release(self, holder: Any) -> None:
        self.holders.discard(holder)

    def judged(self, message: Any, error: Exception) -> Exception:
        return StaleError(self, str(error)) if str(error).startswith(ops.STALE) else error  # type: ignore[arg-type]

    def boot_command(self, marker: str) -> str:
        return f'boot {marker}'

    def expel(self, reason: str) -> None:
        self.expelled.append(reason)


class FakeMessage:
    def __init__(self, value: Any, src_id: int = 1) -> None:
        self.src_id = src_id
        self._value = value

    def value(self) -> Any:
        if isinstance(self._value, Exception):
            raise self._value
        return self._value

    small_value = value


class FakeRouter:
    def __init__(self) -> None:
        self.codec = _codec
        self.target = FakeStream()
        self.loop = self
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def link_for(self, context_id: int) -> FakeStream:
        return self.target


class FakeServer:
    """The rest of a multiplexer: one root for every link."""

    def __init__(self, *, up: bool = True) -> None:
        self.router = FakeRouter()
        self.store = ModuleZips()
        self.jobs: Any = None
        self.node: Any = FakeNode(up=up)
        self.calls: list[Any] = []

    def root(
        self, link: bytes, timeout_s: float, environment: dict[str, str], python: str | None = None, telling: Any = None
    ) -> Any:
        self.calls.append(('root', link, timeout_s, environment))
        if isinstance(self.node, Exception):
            raise self.node
        return self.node

    def reset(self, link: bytes, on_done: Callable[[bool], None]) -> None:
        self.calls.append(('reset', link))
        on_done(True)

    def replace(self, stale: Any, link: bytes, start: Any) -> None:
        self.retire(stale)

    def current(self, link: bytes) -> Any:
        return self.node

    def retire(self, node: Any) -> None:
        self.calls.append(('retire', node))
        node.is_retired = True

    def welcome(self, session: Session, idle_timeout_s: int) -> None:
        session.send(protocol.WELCOME, 0, 1234)

    def session_over(self, session: Session) -> None:
        self.calls.append('over')

    def stop(self) -> None:
        self.calls.append('stop')


class FakeClient:
    """A session as its client sees it, with the server behind it."""

    def __init__(self, *, up: bool = True, fd: int = -1) -> None:
        self.server = FakeServer(up=up)
        self.session = Session(self.server, 7, fd)  # type: ignore[arg-type]
        self.stream = FakeStream()
        self.session.stream = self.stream  # type: ignore[assignment]
        self.stream.on_closed = self.session.on_closed  # type: ignore[assignment]
        self.send(protocol.HELLO, ({'PATH': '/bin'}, 60, None, '', None))
        assert self.take() == [(protocol.WELCOME, 0, 1234)]

    @property
    def node(self) -> FakeNode:
        node = self.server.node
        assert isinstance(node, FakeNode)
        return node

    def send(self, handle: int, value: Any, number: int = 0) -> None:
        self.session.on_event(self.stream, Frame(0, 0, 0, handle, number, 0, _codec.encode(value)))  # type: ignore[arg-type]

    def ask(self, operation: str, *arguments: Any, number: int = 1, key: bytes | None = None) -> None:
        self.send(protocol.REQUEST, (b'link', key, 10, operation, arguments), number)

    def defer(self, operation: str, *arguments: Any, key: bytes | None = None) -> None:
        self.ask(operation, *arguments, number=0, key=key)

    def leave(self, *, goodbye: bool) -> None:
        self.session.on_event(self.stream, Goodbye() if goodbye else Closed(False))  # type: ignore[arg-type]
        self.stream.close('the client is gone')

    def take(self) -> list[tuple[int, int, Any]]:
        """What was sent to the client since the last time."""
        sent, self.stream.sent = self.stream.sent, []
        return sent
