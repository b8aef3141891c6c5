"""One run's services: calls that are forwarded, counted and failed; lines that are kept for its tasks."""

import os
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.core.wire.errors import ChannelError
from svcfw.core.wire.frames import DEAD, Frame
from svcfw.mux.offer import Offer, start_time
from svcfw.mux.server.services import run as module
from svcfw.mux.server.services.run import Run, Runs
from tests.support.loops import StillLoop

KEY = (os.getpid(), start_time(os.getpid()))
OFFER = Offer(KEY, 'python', [], '/', ['/places'], ['a.B'], [], [], 0, {'inventory_hostname': 'web1'})


class Loop(StillLoop):
    def watch(self, fd: int, *callbacks: Any) -> None:
        pass


class Router:
    own_id = 0

    def __init__(self) -> None:
        self.loop = Loop()
        self.sent: list[Frame] = []
        self.link = SimpleNamespace(queued_bytes=0, send=self.sent.append)

    def send(self, frame: Frame) -> None:
        self.sent.append(frame)

    def link_for(self, context_id: int) -> Any:
        return None if context_id == 999 else self.link


class Host:
    """In the place of a ServiceHost."""

    def __init__(self, router: Any, name: str, offer: Offer, environment: Any, on_dead: Any) -> None:
        self.name = name
        self.context = SimpleNamespace(id={'a.B': 200, 'a.C': 201}[name])
        self.dead: str | None = None
        self.on_dead = on_dead
        self.frames: list[Frame] = []
        self.admitted: dict[int, Any] = {}
        self.dismissed: list[int] = []
        self.places: list[str] = []
        self.is_stopped = self.is_full = False

    def look_in(self, places: list[str]) -> None:
        self.places += places

    def admit(self, context_id: int, facts: Any) -> None:
        self.admitted[context_id] = facts

    def dismiss(self, context_id: int, reason: str) -> None:
        if self.admitted.pop(context_id, None) is not None:
            self.dismissed.append(context_id)

    def send(self, frame: Frame) -> None:
        if self.dead:
            raise ChannelError(self.dead)
        if self.is_full:
            raise ChannelError('it does not keep up')
        self.frames.append(frame)

    def stats(self, on_stats: Any) -> None:
        on_stats({self.name: {'add': {'calls': 1, 'failures': 0, 'seconds': 0.5}}})

    def ask(self, on_answer: Any) -> None:
        self.questions = 1

    def stop(self) -> None:
        self.is_stopped = True


@pytest.fixture
def ends() -> list[int]:
    return []


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, ends: list[int]) -> Any:
    monkeypatch.setattr(module, 'ServiceHost', Host)
    made = Run(Router(), KEY, {}, lambda: ends.append(1))  # type: ignore[arg-type]
    yield made
    made.end()


def call(run: Any, src: int = 50, reply_to: int = 1000, method: str = 'add', service: str = 'a.B') -> None:
    run.call(OFFER, Frame(0, src, src, 110, reply_to, 0, b'payload'), service, method)


def refused(run: Any) -> list[tuple[int, int, str]]:
    return [(frame.dst, frame.handle, frame.payload.decode()) for frame in run._router.sent if frame.flags == DEAD]


def test_a_call_is_forwarded_after_the_facts_of_its_caller(run: Any) -> None:
    call(run)
    call(run, reply_to=1001)
    assert run.hosts['a.B'].admitted == {50: {'inventory_hostname': 'web1'}}
    assert [(frame.dst, frame.src, frame.reply_to) for frame in run.hosts['a.B'].frames] == [
        (200, 50, 1000),
        (200, 50, 1001),
    ]
    assert run.hosts['a.B'].places[0] == '/places'


def test_nothing_else_is_before_the_first_call(run: Any) -> None:
    call(run, src=49)
    host = run.hosts['a.B']
    run.send(host, 50, 1234, 0, b'early')
    call(run)
    run.send(host, 50, 1234, 0, b'later')
    run.send(host, 51, 1234, 0, b'of another')
    assert [frame.payload for frame in host.frames] == [b'payload', b'payload', b'later']


def test_a_call_is_cancelled_where_it_was_made(run: Any) -> None:
    call(run)
    call(run, reply_to=1001, service='a.C')
    run.cancel(50, 1001, b'which')
    run.cancel(50, 1002, b'none')
    run.cancel(51, 1000, b'of another')
    sent = {name: [frame.payload for frame in host.frames[1:]] for name, host in run.hosts.items()}
    assert sent == {'a.B': [], 'a.C': [b'which']}


def test_a_service_that_takes_nothing_is_named_and_cancels_nothing(run: Any) -> None:
    call(run)
    run.hosts['a.B'].is_full = True
    run.cancel(50, 1000, b'which')
    with pytest.raises(ChannelError, match=r'^a\.B: it does not keep up'):
        run.send(run.hosts['a.B'], 50, 1234, 0, b'value')


def test_what_is_for_a_service_that_has_ended_harms_no_other(run: Any) -> None:
    call(run)
    run.hosts['a.B'].dead = 'killed'
    run.send(run.hosts['a.B'], 50, 1234, 0, b'value')
    run.cancel(50, 1000, b'which')
    assert len(run.hosts['a.B'].frames) == 1


def test_an_answer_comes_from_whom_was_asked(run: Any) -> None:
    call(run)
    run.answer(Frame(50, 200, 200, 1000, 0, 0, b'answer'))
    [frame] = run._router.sent
    assert (frame.dst, frame.src, frame.handle, frame.payload) == (50, 0, 1000, b'answer')
    run.hosts['a.B'].on_dead('killed')
    assert refused(run) == [], 'nothing is under way'


def test_a_host_that_does_not_read_its_answers_gets_none(run: Any) -> None:
    call(run)
    run._router.link.queued_bytes = module.MAX_QUEUED_BYTES + 1
    run.answer(Frame(50, 200, 200, 1000, 0, 0, b'answer'))
    assert [text for _, _, text in refused(run)] == ['its host does not take what services answer']


def test_calls_fail_with_their_service_host_and_its_reason(run: Any) -> None:
    call(run)
    run.hosts['a.B'].dead = 'killed'
    run.hosts['a.B'].on_dead('killed')
    [(context_id, handle, text)] = refused(run)
    assert (context_id, handle) == (50, 1000)
    assert text.startswith('a.B.add: its process has ended (killed)')
    with pytest.raises(ChannelError, match=r'a.B.add: its process has ended \(killed\)'):
        call(run, reply_to=1001)
    assert not refused(run)[1:], 'the failed call is not under way'


def test_calls_fail_with_their_caller(run: Any) -> None:
    call(run)
    call(run, src=51)
    run.lost(50, 'the module has ended')
    run.lost(50, 'the module has ended')
    assert refused(run) == [(50, 1000, 'a.B.add: the module has ended')]
    assert run.hosts['a.B'].dismissed == [50]


def test_a_run_that_is_over_takes_no_call(run: Any, ends: list[int]) -> None:
    call(run)
    host = run.hosts['a.B']
    run.end()
    run.end()
    assert (host.is_stopped, ends) == (True, [1])
    with pytest.raises(ChannelError, match=r'a\.B\.add: the run is over'):
        call(run, reply_to=1001)
    assert run.activate(OFFER, print)


def test_the_summary_has_each_method_that_was_called(run: Any) -> None:
    for number, method in enumerate(('add', 'add', 'other')):
        call(run, reply_to=1000 + number, method=method)
    found: list[Any] = []
    run.summary(found.extend)
    assert [tuple(method) for method in found] == [('a.B', 'add', 2, 1, 0, 0.5), ('a.B', 'other', 1, 0, 0, 0.0)]


def test_lines_are_kept_for_a_task_and_bounded(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'MAX_LINES', 2)
    for text in ('one', 'two\x1b[31m', 'three'):
        run.says('a.B', 20, text)
    assert run.take_lines() == [(20, 'a.B', 'one'), (20, 'a.B', r'two\x1b[31m')]
    assert run.take_lines() == []
    for _ in range(10 * module.MAX_RECORDS):
        run.says('a.B', 20, 'flood')
    run.says('a.B', 20, 'the last')
    assert 'the last' not in [text for _, _, text in run.take_lines()]


def test_a_process_that_is_another_one_is_no_run() -> None:
    for key in ((os.getpid(), KEY[1] + 1), (1 << 22, 1)):
        with pytest.raises(OSError, match=r'is another one by now|No such file'):
            Run(Router(), key, {}, lambda: None)  # type: ignore[arg-type]


def test_runs_are_known_until_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'ServiceHost', Host)
    ended: list[Run] = []
    runs = Runs(Router(), ended.append)  # type: ignore[arg-type]
    run = runs.of(OFFER, {})
    assert (runs.of(OFFER, {}), runs.find(KEY), runs.are_served()) == (run, run, False)
    call(run)
    assert (runs.by_host(200), runs.by_host(201), runs.are_served()) == ((run, run.hosts['a.B']), None, True)
    runs.end()
    assert (ended, runs.find(KEY)) == ([run], None)
