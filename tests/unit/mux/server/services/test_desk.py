"""Which calls of modules are forwarded, which are refused, and what services may grant to them."""

from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.core import handles
from svcfw.core.wire.errors import ChannelError, DecodeError
from svcfw.core.wire.frames import Frame
from svcfw.mux.offer import Offer
from svcfw.mux.server.services import desk as module
from svcfw.mux.server.services.desk import Desk
from svcfw.mux.server.services.linked import Linked
from svcfw.service.pool import Pool

FACTS = {'inventory_hostname': 'web1'}


class Run:
    """One with a service host, which is context 200."""

    def __init__(self) -> None:
        self.host = SimpleNamespace(name='a.B', context=SimpleNamespace(id=200))
        self.quota = object()
        self.calls: list[Any] = []
        self.sent: list[Any] = []
        self.answers: list[Frame] = []
        self.lost_ones: list[Any] = []
        self.said: list[Any] = []
        self.error: ChannelError | None = None

    def call(self, offer: Offer, frame: Frame, service: str, method: str) -> None:
        self.calls.append((frame.src, service, method))

    def send(self, *values: Any) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(values)

    def host_of(self, context_id: int) -> Any:
        return self.host if context_id == 200 else None

    def answer(self, frame: Frame) -> None:
        self.answers.append(frame)

    def lost(self, context_id: int, reason: str) -> None:
        self.lost_ones.append((context_id, reason))

    def says(self, *values: Any) -> None:
        self.said.append(values)


class Message:
    is_dead = False

    def __init__(self, src: int, value: Any, auth: int | None = None) -> None:
        self.src_id, self.auth_id = src, src if auth is None else auth
        self.frame = Frame(0, self.src_id, self.auth_id, handles.CALL_SERVICE, 1000, 0, b'payload')
        self.refusals: list[str] = []
        self.failures: list[str] = []
        self._value = value

    def small_value(self) -> Any:
        return self._value

    def refuse(self, reason: str) -> None:
        self.refusals.append(reason)

    def fail(self, error: Any) -> None:
        self.failures.append(error.message)


class Scene:
    """A desk with a module, context 50, that may call a.B."""

    def __init__(self, **fields: Any) -> None:
        self.run, self.unlinked = Run(), 0
        self.desk: Any = Desk.__new__(Desk)
        self.desk.linked, self.desk._unlinked = {}, {}
        self.desk._runs = SimpleNamespace(by_host=lambda number: (self.run, self.run.host) if number == 200 else None)
        self.gone: list[Any] = []
        self.desk.router = SimpleNamespace(
            on_gone=lambda context, function: self.gone.append(function),
            context=lambda number: number,
            link_for=lambda number: number,
        )
        usual: dict[str, Any] = {'services': ['a.B'], 'files': [], 'uploads': [], 'upload_bytes': 9, 'facts': FACTS}
        offer = Offer((1, 2), 'python', [], '/', [], **{**usual, **fields})
        self.desk.link(50, Linked(offer, [], [], self.run, self._on_unlink))  # type: ignore[arg-type]

    def _on_unlink(self) -> None:
        self.unlinked += 1

    def call(self, src: int = 50, service: str = 'a.B', auth: int | None = None) -> Message:
        message = Message(src, (service, 'method', None, b''), auth)
        self.desk.accept(message)
        return message


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_call_that_is_offered_is_forwarded(scene: Scene) -> None:
    message = scene.call()
    assert scene.run.calls == [(50, 'a.B', 'method')]
    assert (message.refusals, message.failures) == ([], [])


@pytest.mark.parametrize(
    'asked', [{'service': 'a.Other'}, {'src': 51}, {'auth': 200}, {'service': 'svcfw.service.pool.Pool'}]
)
def test_no_other_is(scene: Scene, asked: Any) -> None:
    message = scene.call(**asked)
    assert scene.run.calls == []
    [text] = message.failures
    assert 'is not activated, and the caller is no parent' in text


@pytest.mark.parametrize('value', [None, (), ('a.B',), ('a.B', 5, None, b''), ['a.B', 'method', None, b'']])
def test_a_message_that_is_no_call_is_an_error(scene: Scene, value: Any) -> None:
    with pytest.raises(DecodeError):
        module._envelope(Message(50, value))  # type: ignore[arg-type]
    message = Message(50, value)
    scene.desk.accept(message)
    assert len(message.failures) == 1


def test_a_module_that_has_ended_is_told_so(scene: Scene) -> None:
    scene.desk.unlink(50, 'the module has ended')
    scene.desk.unlink(50, 'again')
    assert scene.call().refusals == ['a.B.method: the module has ended']
    assert (scene.run.lost_ones, scene.unlinked) == ([(50, 'the module has ended')], 1)
    for function in scene.gone:
        function('it has shut down')
    assert 'is not activated' in scene.call().failures[0], 'its id may be another context now'


def test_files_are_for_those_who_have_some(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted: list[Any] = []
    monkeypatch.setattr(Pool, 'accept', lambda self, msg, arrived: accepted.append(msg))
    refused = Scene().call(service=module.FILES)
    assert 'nothing is in ansible_svcfw_files here' in refused.failures[0]
    for fields in ({'files': ['/srv']}, {'uploads': ['/to']}):
        assert accepted.append(Scene(**fields).call(service=module.FILES)) is None
    assert len(accepted) == 4
    monkeypatch.setattr(module, 'MAX_REQUEST_BYTES', 3)
    assert 'is none for files' in Scene(files=['/srv']).call(service=module.FILES).failures[0]


def test_a_service_grants_files_to_callers_of_its_run(scene: Scene) -> None:
    scene.desk._on_file(Message(200, (50, '/srv/a', False)))
    scene.desk._on_file(Message(200, (50, '/to/b', True)))
    scene.desk._on_file(Message(201, (50, '/etc/shadow', False)))
    scene.desk._on_file(Message(200, (51, '/etc/shadow', False)))
    assert scene.desk._granted(50) == ['/srv/a']
    uploads = scene.desk._uploads(50)
    assert (uploads.host, uploads._files) == ('web1', [b'/to/b'])
    assert (scene.desk._granted(51), scene.desk._uploads(51)) == ([], None)


def test_the_number_of_granted_files_is_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'MAX_FILES', 2)
    for name in 'abc':
        scene.desk._on_file(Message(200, (50, f'/srv/{name}', False)))
    assert scene.desk._granted(50) == ['/srv/a', '/srv/b']


@pytest.mark.parametrize(
    ('frame', 'source', 'is_passed'),
    [
        (Frame(50, 200, 200, handles.FIRST_DYNAMIC, 0, 0, b''), 200, True),
        (Frame(50, 200, 200, handles.FIRST_DYNAMIC, 0, 0, b''), 50, False),
        (Frame(50, 201, 201, handles.FIRST_DYNAMIC, 0, 0, b''), 201, False),
        (Frame(50, 200, 200, handles.AGENT, 0, 0, b''), 200, False),
        (Frame(51, 200, 200, handles.FIRST_DYNAMIC, 0, 0, b''), 200, False),
    ],
)
def test_what_a_service_host_sends_passes_to_modules_of_its_run(
    scene: Scene, frame: Frame, source: Any, is_passed: bool
) -> None:
    assert scene.desk._passes(source, frame) == is_passed
    assert scene.run.answers == ([frame] if is_passed else [])


def test_a_module_sends_to_handles_of_its_services_alone(scene: Scene) -> None:
    scene.desk._on_beside(Message(50, (200, 1234, 0, b'value')))
    scene.desk._on_beside(Message(51, (200, 1234, 0, b'value')))
    assert scene.run.sent == [(scene.run.host, 50, 1234, 0, b'value')]
    scene.desk._on_beside(Message(50, (200, handles.AGENT, 0, b'value')))
    assert scene.run.lost_ones[0][0] == 50


def test_what_is_lost_on_its_way_ends_the_module(scene: Scene) -> None:
    scene.run.error = ChannelError('it does not keep up')
    scene.desk._on_beside(Message(50, (200, 1234, 0, b'value')))
    assert scene.run.lost_ones == [(50, 'it does not keep up')]


def test_lines_are_of_service_hosts_alone(scene: Scene) -> None:
    scene.desk._on_line(Message(200, (20, 'text')))
    scene.desk._on_line(Message(50, (20, 'forged')))
    assert scene.run.said == [('a.B', 20, 'text')]
