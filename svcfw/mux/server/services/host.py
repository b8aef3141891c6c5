"""ServiceHost: the multiplexer's handle of the process in which one service of a run lives."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from svcfw.core import beside, handles
from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.core.wire.errors import CallError, ChannelError, Error, StartError
from svcfw.core.wire.frames import Frame
from svcfw.mux.offer import Offer
from svcfw.program.router import Router
from svcfw.transport import local
from svcfw.transport.spec import LOCAL, Spec
from svcfw.transport.start import Starter

#: Time-out for its link, and again for its readiness.
START_S = 30.0
#: Level of log records from which its services' are forwarded, as in `logging`.
LOG_LEVEL = 20
#: Bytes queued for a service host that does not read.
MAX_QUEUED_BYTES = 64 * 1024 * 1024
#: Time-out for its statistics.
STATS_S = 2.0
#: Time for its exit functions once its link is gone.
LEFT_OVER_S = 1.0
_SERVING = 'svcfw.mux.service_host.serving'
_MAKER = f'{_SERVING}.Maker'
#: What users' services, which are found there and not sent, may import of ours beyond what runs on targets; and the
#: services that come with the collection.
_FOR_SERVICES = (
    'svcfw.ansible.services.granting',
    'svcfw.ansible.services.policies',
    'svcfw.ansible.services.ready.artifacts',
    'svcfw.ansible.services.ready.semaphores',
)


class ServiceHost:
    """Started by the constructor. dead: why it has ended, None before. on_dead(reason): called once. Loop thread only.

    name: of the service. Frames sent before it is up are queued here.
    """

    def __init__(
        self, router: Router, name: str, offer: Offer, environment: dict[str, str], on_dead: Callable[[str], None]
    ) -> None:
        self.name = name
        self.dead: str | None = None
        #: Ids of the modules' contexts that it was told of.
        self.admitted: set[int] = set()
        self._router = router
        self._on_dead = on_dead
        #: Answers of it that have to arrive before frames are forwarded.
        self._owed = 1
        self._waiting: list[Frame] = []
        self._waiting_bytes = 0
        self._places: set[str] = set()
        self._pid = 0
        spec = Spec(transport=LOCAL, host=name, python=offer.python, env=environment, cwd=offer.folder)
        try:
            self._starter = Starter(router, name, partial(local.launch, spec), self._on_link, self._on_failed, START_S)
        except (Error, OSError) as exc:
            self.context = Context(router, 0)
            self._end(str(exc))
            return
        self.context = self._starter.context
        router.on_gone(self.context, self._on_gone)
        for ours in (_SERVING, *_FOR_SERVICES):
            router.responder.allow(self.context, ours)
        router.responder.push(self.context, [_SERVING])
        self._deadline = router.loop.call_later(2 * START_S, lambda: self._give_up('it does not start in time'))
        self._call('start', (name, offer.path, LOG_LEVEL), self._on_start)

    def look_in(self, places: list[str]) -> None:
        """Add folders to its search path of services."""
        new = [place for place in places if place not in self._places]
        if new and self.dead is None:
            self._places.update(new)
            self._owed += 1
            self._call('add_places', (new,), lambda message: self._settle())

    def admit(self, context_id: int, facts: dict[str, Any]) -> None:
        """Attest facts of a context, before its first frame; once. Raises ChannelError as `send`."""
        if context_id not in self.admitted:
            self.send(beside.admission(self.context, context_id, facts))
            self.admitted.add(context_id)

    def dismiss(self, context_id: int, reason: str) -> None:
        """Say that a context is gone, if it was told of it."""
        if context_id not in self.admitted:
            return
        self.admitted.discard(context_id)
        with suppress(ChannelError):
            self.send(beside.dismissal(self.context, context_id, reason))

    def send(self, frame: Frame) -> None:
        """Forward a frame. Raises ChannelError if it has ended or its queue is full."""
        if self.dead is not None:
            raise ChannelError(self.dead)
        if self._owed:
            self._require_room(self._waiting_bytes)
            self._waiting.append(frame)
            self._waiting_bytes += len(frame.payload)
            return
        link = self._router.link_for(self.context.id)
        if link is None:
            raise ChannelError('it has ended')
        self._require_room(link.queued_bytes)
        link.send(frame)

    def make(self, on_reply: Callable[[Message], None]) -> None:
        """Create the service: `on_reply` is called with the answer of serving.Maker.make, or a dead message."""
        router = self._router
        arguments = router.encode_for(self.context.id, {})
        payload = router.codec.encode((_MAKER, 'make', None, arguments))
        reply_to = router.add_handler(on_reply, respondent=self.context, once=True)
        frame = Frame(self.context.id, router.own_id, router.own_id, handles.CALL_SERVICE, reply_to, 0, payload)
        try:
            self.send(frame)
        except ChannelError as exc:
            router.bounce(frame, str(exc))

    def stats(self, on_stats: Callable[[dict[str, Any]], None]) -> None:
        """Call back with its Pool.stats; an empty dict if it does not answer within STATS_S."""
        if self.dead is not None:
            on_stats({})
            return
        answers = [on_stats]

        def answer(stats: dict[str, Any]) -> None:
            if answers:
                deadline.cancel()
                answers.pop()(stats)

        def on_reply(message: Message) -> None:
            try:
                answer(message.value())
            except (CallError, ChannelError):
                answer({})

        deadline = self._router.loop.call_later(STATS_S, lambda: answer({}))
        self._call('stats', (), on_reply)

    def ask(self, on_answer: Callable[[], None]) -> None:
        """Call back when it answers, which it does not while one of its threads holds the GIL."""
        if self.dead is None:
            self._call('answer', (), lambda message: on_answer())

    def host_is_out(self, host: str) -> None:
        """Tell the service, if it has a method of this name: a host, by its inventory name, has left the run."""
        if self.dead is None:
            self._call('host_is_out', (host,), lambda message: None)

    def stop(self) -> None:
        """End it and its child processes."""
        if self.dead is None:
            self._starter.leave()

    @staticmethod
    def _require_room(queued_bytes: int) -> None:
        if queued_bytes > MAX_QUEUED_BYTES:
            raise ChannelError(f'{queued_bytes} bytes wait to be sent to it: it does not keep up')

    def _call(self, function: str, arguments: tuple[Any, ...], on_reply: Callable[[Message], None]) -> None:
        self.context.request_async(handles.CALL_FUNCTION, ((_SERVING, function), arguments, {}), on_reply)

    def _on_link(self, context: Context) -> None:
        self._pid = self._starter.pid

    def _on_start(self, message: Message) -> None:
        try:
            message.value()
        except (CallError, ChannelError) as exc:
            self._give_up(f'it does not start: {exc}')
            return
        self._deadline.cancel()
        self._settle()

    def _settle(self) -> None:
        self._owed -= 1
        if self._owed:
            return
        waiting, self._waiting = self._waiting, []
        self._waiting_bytes = 0
        for frame in waiting:
            with suppress(ChannelError):  # `_on_gone` then fails the calls
                self.send(frame)

    def _on_failed(self, error: StartError) -> None:
        self._end(str(error))

    def _on_gone(self, reason: str) -> None:
        self._end(reason.removeprefix(f'{self.context}: '))

    def _give_up(self, reason: str) -> None:
        if self.dead is None:
            self._starter.leave()
            self._end(reason)

    def _end(self, reason: str) -> None:
        if self.dead is None:
            self.dead = reason
            self._waiting.clear()
            if self._pid:
                self._router.loop.call_later(LEFT_OVER_S, self._end_left_over)
            self._on_dead(reason)

    def _end_left_over(self) -> None:
        """Kill the processes that it has left, as it does when it is killed."""
        with suppress(OSError):
            os.killpg(self._pid, signal.SIGKILL)
