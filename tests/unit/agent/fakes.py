"""What the agent's parts talk with: messages and a router that keep what was sent."""

import os
import select
import signal
from collections import defaultdict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from svcfw.core.loop import Loop
from svcfw.core.waiter import Waiter
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.frames import Frame
from tests.support.timing import seconds


class FakeMessage:
    """A request; replies, failures and refusals are kept."""

    def __init__(self, value: Any = None, reply_to: int = 5, size: int = 0) -> None:
        self.frame = Frame(1, 0, 0, 120, reply_to, 0, bytes(size))
        self.src_id = self.auth_id = 0
        self.router = SimpleNamespace(own_id=1, parent_ids=(0,))
        self.is_dead = False
        self.replies: list[Any] = []
        self.failures: list[Any] = []
        self.refusals: list[str] = []
        self._value = value

    def value(self) -> Any:
        return self._value

    def wants_reply(self) -> bool:
        return bool(self.frame.reply_to)

    def reply(self, value: Any) -> None:
        self.replies.append(value)

    def fail(self, error: Any) -> None:
        self.failures.append(error)

    def refuse(self, reason: str) -> None:
        self.refusals.append(reason)

    @property
    def is_answered(self) -> bool:
        return bool(self.refusals or self.failures or (self.replies and not _is_part(self.replies[-1])))


def _is_part(reply: Any) -> bool:
    return type(reply) is tuple and reply[:1] == ('part',)


class FakeContext:
    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, handle: int, value: Any) -> None:
        self.sent.append(value)


class FakeLink:
    def __init__(self) -> None:
        self.full = False
        self.paused = 0
        self.on_room: list[Callable[[], None]] = []

    def is_full(self) -> bool:
        return self.full

    def when_room(self, callback: Callable[[], None]) -> None:
        self.on_room.append(callback)

    def pause_reading(self) -> None:
        self.paused += 1

    def resume_reading(self) -> None:
        self.paused -= 1


class FakeRouter:
    """The router of an agent; its loop is a real one, and what callbacks raise there is raised by `until`."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self.codec = Codec()
        self.loop = Loop(self.errors.append)
        self.parent = FakeContext()
        self.links = {0: FakeLink(), 9: FakeLink()}
        self.frames: list[Frame] = []
        self.logged: list[str] = []
        self.on_end: list[Callable[[], None]] = []
        self.starters: set[Any] = set()
        self.child_ids: set[int] = set()
        self.ended_for: list[str] = []
        self.handler: Any = None
        self.own_id = 1
        self.importer = SimpleNamespace(sources=defaultdict(tuple))

    def add_handler(
        self, function: Any, handle: int = 77, policy: Any = None, respondent: Any = None, once: bool = False
    ) -> int:
        self.handler = function
        return handle

    def shutdown(self, reason: str) -> None:
        self.ended_for.append(reason)

    def on_shutdown(self, function: Callable[[], None]) -> None:
        self.on_end.append(function)

    def context(self, context_id: int) -> FakeContext:
        return self.parent

    def link_for(self, context_id: int) -> FakeLink | None:
        return self.links.get(context_id)

    def send(self, frame: Frame) -> None:
        self.frames.append(frame)

    def log(self, router: Any, level: int, text: str) -> None:
        self.logged.append(text)

    def until(self, condition: Callable[[], object], what: str = 'it') -> None:
        """Drive the loop until `condition` holds."""
        waiter = Waiter(self.loop)
        deadline = self.loop.clock() + seconds(20)
        while not condition():
            self.loop.call_later(0.01, waiter.set)
            self.loop.wait(waiter, deadline)
            waiter.ready = False
            assert self.loop.clock() < deadline, f'{what} does not happen'
        assert self.errors == []


def drain(fd: int) -> bytes:
    """What is in a pipe whose other end is closed."""
    chunks = []
    while select.select([fd], [], [], seconds(20))[0]:
        chunks.append(os.read(fd, 65536))
        if not chunks[-1]:
            break
    return b''.join(chunks)


def end_signals(before: Any) -> None:
    """Take back what Commands have set up for SIGCHLD; before: the handler that there was."""
    wake_fd = signal.set_wakeup_fd(-1)
    if wake_fd >= 0:
        os.close(wake_fd)
    signal.signal(signal.SIGCHLD, before)
