"""ServiceHost: the multiplexer's hold on the process in which the services of one run live."""

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

NAME = 'services'
#: Until its interpreter runs, and again until it can serve.
START_S = 30.0
#: What its services log is told from this level on, as in `logging`.
LOG_LEVEL = 20
#: What may be on its way to a host that does not read, in bytes.
MAX_QUEUED_BYTES = 64 * 1024 * 1024
#: How long it may take to tell what its services did.
STATS_S = 2.0
#: How long its exit functions may take once its link is gone.
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
    """Started by the constructor. `dead`: why it serves no more. on_dead(reason): called once. Loop thread only.

    What is sent before it is up waits here.
    """

    def __init__(
        self, router: Router, offer: Offer, environment: dict[str, str], on_dead: Callable[[str], None]
    ) -> None:
        self.dead: str | None = None
        self._router = router
        self._on_dead = on_dead
        #: Answers to wait for before anything is passed on.
        self._owed = 1
        self._waiting: list[Frame] = []
        self._waiting_bytes = 0
        self._places: set[str] = set()
        self._pid = 0
        spec = Spec(transport=LOCAL, host=NAME, python=offer.python, env=environment, cwd=offer.folder)
        try:
            self._starter = Starter(router, NAME, partial(local.launch, spec), self._on_link, self._on_failed, START_S)
        except (Error, OSError) as exc:
            self.context = Context(router, 0)
            self._end(str(exc))
            return
        self.context = self._starter.context
        router.on_gone(self.context, self._on_gone)
        for name in (_SERVING, *_FOR_SERVICES):
            router.responder.allow(self.context, name)
        router.responder.push(self.context, [_SERVING])
        self._deadline = router.loop.call_later(2 * START_S, lambda: self._give_up('it does not start in time'))
        self._call('start', (offer.path, LOG_LEVEL), self._on_start)

    def look_in(self, places: list[str]) -> None:
        """Have it find services in these folders, too."""
        new = [place for place in places if place not in self._places]
        if new and self.dead is None:
            self._places.update(new)
            self._owed += 1
            self._call('add_places', (new,), lambda message: self._settle())

    def admit(self, context_id: int, facts: dict[str, Any]) -> None:
        """Attest these facts of a context, before it sends anything here. ChannelError as of `send`."""
        self.send(beside.admission(self.context, context_id, facts))

    def dismiss(self, context_id: int, reason: str) -> None:
        with suppress(ChannelError):
            self.send(beside.dismissal(self.context, context_id, reason))

    def send(self, frame: Frame) -> None:
        """Pass a frame on. ChannelError when it serves no more, or takes no more for now."""
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

    def make(self, name: str, on_reply: Callable[[Message], None]) -> None:
        """Have a service made: see serving.Maker.make, whose answer, or a dead message, `on_reply` is called with."""
        router = self._router
        arguments = router.encode_for(self.context.id, {'name': name})
        payload = router.codec.encode((_MAKER, 'make', None, arguments))
        reply_to = router.add_handler(on_reply, respondent=self.context, once=True)
        frame = Frame(self.context.id, router.own_id, router.own_id, handles.CALL_SERVICE, reply_to, 0, payload)
        try:
            self.send(frame)
        except ChannelError as exc:
            router.bounce(frame, str(exc))

    def stats(self, on_stats: Callable[[dict[str, Any]], None]) -> None:
        """Call back with what Pool.stats says there; empty where it does not answer soon."""
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
        """Call back when it answers: not while a thread of it keeps the interpreter."""
        self._call('answer', (), lambda message: on_answer())

    def host_is_out(self, host: str) -> None:
        """Tell services that ask for it that a host, by its name in the inventory, takes no further part in the run."""
        if self.dead is None:
            self._call('host_is_out', (host,), lambda message: None)

    def stop(self) -> None:
        """End it, with what it has started."""
        if self.dead is None:
            self._starter.leave()

    @staticmethod
    def _require_room(queued_bytes: int) -> None:
        if queued_bytes > MAX_QUEUED_BYTES:
            raise ChannelError('it does not keep up with what it is sent')

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
            with suppress(ChannelError):  # then its caller is told by `_on_gone`
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
        """What it has started and not ended, as when it was killed."""
        with suppress(OSError):
            os.killpg(self._pid, signal.SIGKILL)
