"""The multiplexer's handle of a service host: what waits for its start, and what is told when it ends."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.core import beside, handles
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import CallError, ChannelError, StartError
from svcfw.core.wire.frames import Frame
from svcfw.mux.offer import Offer
from svcfw.mux.server.services import host as module
from svcfw.mux.server.services.host import ServiceHost
from tests.support.loops import StillLoop
from tests.unit.mux.server.services.answers import Answer

OFFER = Offer((1, 2), '/usr/bin/python3', ['/lib'], '/play', [], [], [], [], 0, {})


class Starter:
    """In the place of svcfw.transport.start.Starter: starts nothing; the test calls what it was given."""

    error: Exception | None = None

    def __init__(self, router: Any, name: str, launch: Any, on_ready: Any, on_failed: Any, timeout_s: float) -> None:
        if self.error is not None:
            raise self.error
        self.context = router.started
        self.spec = launch.args[0]
        self.on_ready, self.on_failed = on_ready, on_failed
        self.pid = 4711
        self.leaves = 0

    def leave(self) -> None:
        self.leaves += 1


class Asked:
    """The context of the host: keeps what functions of it are called; `answer` replies to the oldest call."""

    id = 1

    def __init__(self, router: Any) -> None:
        self.router = router
        self.calls: list[tuple[str, tuple[Any, ...], Callable[[Any], None]]] = []

    def __str__(self) -> str:
        return 'shop.Shop'

    def request_async(self, handle: int, value: Any, on_reply: Callable[[Any], None]) -> None:
        assert handle == handles.CALL_FUNCTION
        (_, function), arguments, _ = value
        self.calls.append((function, arguments, on_reply))

    def answer(self, value: Any = None) -> None:
        self.calls.pop(0)[2](Answer(value))

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.calls]


class Router:
    """Of a multiplexer; `sent` has the frames on the host's link."""

    own_id = 0

    def __init__(self) -> None:
        self.loop = StillLoop()
        self.codec = Codec()
        self.started = Asked(self)
        self.sent: list[Frame] = []
        self.link: Any = SimpleNamespace(send=self.sent.append, queued_bytes=0)
        self.allowed: list[str] = []
        self.responder = SimpleNamespace(
            allow=lambda context, name: self.allowed.append(name), push=lambda context, names: None
        )
        self.handlers: list[tuple[Any, dict[str, Any]]] = []
        self.bounced: list[tuple[Frame, str]] = []

    def on_gone(self, context: Any, function: Callable[[str], None]) -> None:
        self.gone = function

    def link_for(self, context_id: int) -> Any:
        return self.link

    def encode_for(self, context_id: int, value: Any) -> bytes:
        return self.codec.encode(value)

    def add_handler(self, function: Any, **how: Any) -> int:
        self.handlers.append((function, how))
        return 1000 + len(self.handlers)

    def bounce(self, frame: Frame, reason: str) -> None:
        self.bounced.append((frame, reason))


class Place:
    def __init__(self) -> None:
        self.router = Router()
        self.reasons: list[str] = []
        self.host = ServiceHost(self.router, 'shop.Shop', OFFER, {'A': 'b'}, self.reasons.append)  # type: ignore[arg-type]
        self.context = self.router.started

    @property
    def starter(self) -> Any:
        return self.host._starter

    def start(self) -> None:
        self.starter.on_ready(self.context)
        self.context.answer()


@pytest.fixture(autouse=True)
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'Starter', Starter)


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def up(place: Place) -> Place:
    place.start()
    return place


def frame(payload: bytes = b'x') -> Frame:
    return Frame(1, 7, 7, handles.CALL_SERVICE, 5, 0, payload)


def test_it_runs_the_users_python_where_the_run_is(place: Place) -> None:
    spec = place.starter.spec
    assert (spec.transport, spec.python, spec.cwd, spec.env) == ('local', OFFER.python, OFFER.folder, {'A': 'b'})
    ((function, arguments, _),) = place.context.calls
    assert (function, arguments) == ('start', ('shop.Shop', OFFER.path, module.LOG_LEVEL))
    assert 'svcfw.mux.service_host.serving' in place.router.allowed


def test_frames_wait_for_its_start_and_for_every_folder_in_their_order(place: Place) -> None:
    first, second = frame(b'1'), frame(b'2')
    place.host.send(first)
    place.host.look_in(['/roles', '/more'])
    place.host.look_in(['/roles'])
    place.host.send(second)
    assert place.context.names == ['start', 'add_places'], 'a folder is told once'
    place.start()
    assert place.router.sent == []
    place.context.answer()
    assert place.router.sent == [first, second]
    place.host.look_in(['/late'])
    place.host.send(third := frame(b'3'))
    assert place.router.sent == [first, second]
    place.context.answer(CallError('builtins.OSError', 'no such folder'))
    assert place.router.sent[-1] is third


def test_what_waits_for_one_that_does_not_read_is_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'MAX_QUEUED_BYTES', 10)
    place.host.send(frame(b'x' * 11))
    with pytest.raises(ChannelError, match='11 bytes wait to be sent to it'):
        place.host.send(frame())
    place.start()
    place.router.link.queued_bytes = 10
    place.host.send(frame())
    place.router.link.queued_bytes = 11
    with pytest.raises(ChannelError, match='it does not keep up'):
        place.host.send(frame())


def test_its_callers_are_admitted_and_dismissed(up: Place) -> None:
    for _ in range(2):
        up.host.admit(7, {'host': 'web1'})
    for _ in range(2):
        up.host.dismiss(7, 'its job is over')
    said = [(each.handle, up.router.codec.decode(each.payload)) for each in up.router.sent]
    assert said == [(beside.ADMIT, (7, {'host': 'web1'}, '')), (beside.ADMIT, (7, None, 'its job is over'))]
    up.router.gone('shop.Shop: it has shut down')
    up.host.dismiss(7, 'nobody hears it')
    with pytest.raises(ChannelError, match='it has shut down'):
        up.host.admit(8, {})


def test_who_could_not_be_announced_is_announced_next_time(up: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    up.router.link.queued_bytes = module.MAX_QUEUED_BYTES + 1
    with pytest.raises(ChannelError, match='it does not keep up'):
        up.host.admit(7, {})
    up.router.link.queued_bytes = 0
    up.host.admit(7, {})
    assert [each.handle for each in up.router.sent] == [beside.ADMIT]


def test_a_service_is_made_by_a_call_as_of_this_context(up: Place) -> None:
    heard: list[Any] = []
    up.host.make(heard.append)
    (call,) = up.router.sent
    service, method, _, arguments = up.router.codec.decode(call.payload)
    assert (service.rpartition('.')[2], method) == ('Maker', 'make')
    assert up.router.codec.decode(arguments) == {}
    ((function, how),) = up.router.handlers
    assert how == {'respondent': up.context, 'once': True}
    function('the answer')
    assert heard == ['the answer']
    up.router.gone('shop.Shop: it was killed')
    up.host.make(heard.append)
    assert up.router.bounced[0][1] == 'it was killed'


def test_its_end_is_told_once_without_its_name(up: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(module.os, 'killpg', lambda pid, number: killed.append(pid))
    up.router.gone('shop.Shop: it was killed')
    up.starter.on_failed(StartError('died', 'services', 'too late'))
    assert (up.reasons, up.host.dead) == (['it was killed'], 'it was killed')
    up.host.stop()
    assert up.starter.leaves == 0
    assert killed == []
    up.router.loop.advance(module.LEFT_OVER_S)
    assert killed == [4711], 'what it had started goes with it'


@pytest.mark.parametrize('error', [CallError('builtins.ImportError', 'no module'), ChannelError('it was killed')])
def test_one_that_does_not_start_is_ended_and_says_why(place: Place, error: Exception) -> None:
    place.host.send(frame())
    place.starter.on_ready(place.context)
    place.context.answer(error)
    assert place.reasons == [f'it does not start: {error}']
    assert place.starter.leaves == 1
    assert place.router.sent == []


def test_one_that_never_answers_is_given_up(place: Place) -> None:
    place.router.loop.advance(2 * module.START_S)
    assert place.reasons == ['it does not start in time']
    assert place.starter.leaves == 1


def test_one_that_is_up_is_not_given_up(up: Place) -> None:
    up.router.loop.advance(2 * module.START_S)
    assert up.reasons == []
    up.host.stop()
    assert up.starter.leaves == 1


def test_a_start_that_fails_at_once_is_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Starter, 'error', OSError(2, 'No such file or directory'))
    place = Place()
    assert place.reasons == [place.host.dead] == ['[Errno 2] No such file or directory']
    with pytest.raises(ChannelError, match='No such file'):
        place.host.send(frame())
    heard: list[Any] = []
    place.host.stats(heard.append)
    place.host.look_in(['/roles'])
    place.host.host_is_out('web1')
    place.host.ask(lambda: heard.append('answered'))
    place.host.stop()
    assert heard == [{}]


def test_statistics_come_once_or_are_empty(up: Place) -> None:
    heard: list[Any] = []
    for late in (False, True):
        up.host.stats(heard.append)
        if late:
            up.router.loop.advance(module.STATS_S)
        up.context.answer({'calls': 3})
    up.host.stats(heard.append)
    up.context.answer(ChannelError('it has ended'))
    assert heard == [{'calls': 3}, {}, {}]


def test_whether_it_answers_and_which_hosts_are_out(up: Place) -> None:
    heard: list[str] = []
    up.host.ask(lambda: heard.append('answered'))
    up.host.host_is_out('web1')
    assert [(name, arguments) for name, arguments, _ in up.context.calls] == [
        ('answer', ()),
        ('host_is_out', ('web1',)),
    ]
    up.context.answer()
    assert heard == ['answered']
