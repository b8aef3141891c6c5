"""Fuzz target: any sequence of frames of one child, at the top of a tree with another child that is waited for."""

import socket
import time
from typing import Any

from svcfw.core import handles
from svcfw.core.message import Message
from svcfw.core.stream import HIGH_WATER_BYTES
from svcfw.core.waiter import Waiter
from svcfw.core.wire.errors import ChannelError
from svcfw.core.wire.frames import Frame
from svcfw.program.router import Router
from tests.fuzz.choices import Choices

EVIL, VICTIM = 1, 2
_HANDLES = (
    handles.GET_MODULE, handles.GET_DATA, handles.FORWARD_LOG, handles.ADD_ROUTE, handles.DEL_ROUTE,
    handles.ALLOCATE_ID, handles.SHUTDOWN, handles.CALL_FUNCTION, handles.CALL_SERVICE, handles.CANCEL_SERVICE,
    handles.LOAD_MODULE, handles.CHILDREN, handles.AGENT, 0, 999, 0xFFFFFFFF,
)  # fmt: skip
_FLAGS = (0, 0, 0, 1, 2, 4, 8, 16)
#: Errors that only a fault of ours raises while a peer's frame is handled.
_FAULTS = (
    'TypeError', 'KeyError', 'AttributeError', 'IndexError', 'RecursionError', 'AssertionError', 'NameError',
    'UnicodeError', 'UnicodeDecodeError', 'UnicodeEncodeError', 'OverflowError', 'ZeroDivisionError', 'ValueError',
)  # fmt: skip


class _Scene:
    """A top with two children; `forged` are answers that the victim did not give."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.forged: list[Message] = []
        self.router = Router(standby=False)
        self.router.log = self._log
        self._ends = []
        self.ids: tuple[int, int] = self.router.relay.reserve_ids(64)
        for context_id, name in ((EVIL, 'evil'), (VICTIM, 'victim')):
            ours, theirs = socket.socketpair()
            theirs.setblocking(False)
            fd = ours.detach()
            self._ends.append(theirs)
            context = self.router.context(context_id, name)
            link = self.router.relay.link(None)
            stream = self.router.add_child(context, link, fd, fd, lambda *args: None, lambda *args: None)
            if context_id == EVIL:
                self.stream = stream
                self.router.routes.grant(*self.ids, stream)
        self.evil, self.victim = self._ends
        victim, evil = self.router.context(VICTIM), self.router.context(EVIL)
        self.asked = [
            self.router.add_handler(self.forged.append, respondent=victim),
            self.router.add_handler(self._drop, respondent=evil),
            self.router.add_handler(self._drop),
        ]

    def _log(self, router: Any, level: int, text: str) -> None:
        if (level >= 40 and not text.startswith('evil: refused')) or any(f'>: {name}:' in text for name in _FAULTS):
            self.faults.append(text)

    def _drop(self, message: Message) -> None:
        """As handlers do: read it."""
        message.small_value()

    def turn(self) -> None:
        """What is due on the loop."""
        self.router.loop.wait(Waiter(self.router.loop), time.monotonic())

    def close(self) -> None:
        for stream in self.router.streams():
            stream.close('it is over')
        self.router.loop.close()
        for end in self._ends:
            end.close()


def router(data: bytes) -> None:
    """Nothing escapes, nothing reaches another one's handle or link, and what is kept is bounded."""
    choices, scene = Choices(data), _Scene()
    frames = 0
    try:
        while choices and not scene.stream.closed and frames < 200:
            frames += 1
            frame = _frame(choices, scene)
            scene.router.relay._on_frame(scene.stream, frame)
            if choices.byte() % 8 == 0:
                scene.turn()
        try:
            scene.turn()
        except ChannelError:
            pass
        assert not scene.faults, scene.faults[0]
        assert not scene.forged, 'an answer in the name of another'
        try:
            got = scene.victim.recv(65536)
        except BlockingIOError:
            got = b''
        assert not got, 'something has reached another child'
        assert scene.stream.queued_bytes < 2 * HIGH_WATER_BYTES
        assert len(scene.router.contexts) <= frames + 8
        assert len(scene.router._handlers) <= 40
        assert scene.router.closed is None
    finally:
        scene.close()


def _frame(choices: Choices, scene: _Scene) -> Frame:
    first = scene.ids[0]
    ids = (0, EVIL, VICTIM, first, first + 1, scene.ids[1] + 1, 77, 0xFFFFFFFF)
    src = EVIL if choices.byte() % 4 else choices.of(ids)
    auth = src if choices.byte() % 4 else choices.of(ids)
    dst = 0 if choices.byte() % 2 else choices.of(ids)
    handle = choices.of((*_HANDLES, *scene.asked))
    reply_to = choices.of((0, 9, *scene.asked))
    return Frame(dst, src, auth, handle, reply_to, choices.of(_FLAGS), _payload(choices, scene, handle))


def _payload(choices: Choices, scene: _Scene, handle: int) -> bytes:
    which = choices.byte() % 4
    if which == 0:
        return choices.bytes()
    value = choices.value() if which == 1 else _likely(choices, scene, handle)
    payload: bytes = scene.router.codec.encode(value)
    return payload


def _likely(choices: Choices, scene: _Scene, handle: int) -> Any:
    """What this handle is for."""
    ids = (scene.ids[0], scene.ids[0] + 1, EVIL, VICTIM, 0, choices.number())
    name = choices.of(('svcfw.core.router', 'svcfw.service.pool', 'os', '__main__', 'tests', '..', 'svcfw.none'))
    if handle in (handles.ADD_ROUTE, handles.DEL_ROUTE):
        return choices.of(ids), choices.of(('a name', '', 'x' * 300))
    if handle == handles.GET_MODULE:
        return choices.of((name, (name, choices.of(ids)), (name, choices.of(ids), 0)))
    if handle == handles.GET_DATA:
        return name, [choices.of(('__init__.py', '..', 'x'))], choices.byte() % 2 == 1, choices.of(ids)
    if handle == handles.FORWARD_LOG:
        return choices.number(), name, choices.bytes().decode('utf-8', 'surrogateescape')
    return choices.value()
