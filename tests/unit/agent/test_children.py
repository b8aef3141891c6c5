"""A child's start as its agent sees it: what its command shows goes up, answers go down, and it ends one way only."""

import errno

import pytest

from svcfw.agent import children as module
from svcfw.agent import ops
from svcfw.agent.children import Children
from svcfw.agent.requests import Child
from svcfw.core.wire.errors import CallError, StartError
from svcfw.core.wire.limits import MAX_NOISE_BYTES
from svcfw.transport.dialogue import STDERR, STDIN, STDOUT, TTY, Fail
from tests.unit.agent.fakes import FakeMessage, FakeRouter

FACTS = {'home': '/'}


class FakeStarter:
    """Keeps what it was told; the test plays its events."""

    last: 'FakeStarter'
    error: Exception | None = None

    def __init__(self, router, name, launch, on_ready, on_failed, timeout_s, hold_back, more):
        if self.error is not None:
            raise self.error
        FakeStarter.last = self
        self.launch, self.on_ready, self.on_failed, self.hold_back = launch, on_ready, on_failed, hold_back
        self.more = more
        self.released = self.left = False
        self.typed = []
        self.context = FakeContext()

    def release(self):
        self.released = True

    def leave(self):
        self.left = True

    def act(self, actions):
        self.typed += [(action.target, action.data) for action in actions]

    def give_up(self, error):
        self.on_failed(error)


class FakeContext:
    id = 12


class Raises:
    def __init__(self, error):
        self._error = error

    def value(self):
        raise self._error


@pytest.fixture
def starter(monkeypatch):
    monkeypatch.setattr(module, 'Starter', FakeStarter)
    monkeypatch.setattr(FakeStarter, 'error', None)
    return FakeStarter


@pytest.fixture
def router():
    made = FakeRouter()
    yield made
    made.loop.close()


@pytest.fixture
def children(router, starter):
    return Children(router)


def start(children, marker='MARK', session=7, timeout_s=1000):
    message = FakeMessage(reply_to=5)
    children.start(message, session, Child('name', ['/bin/sh', '-c', 'x'], True, marker, timeout_s, b'k', b'd', b'c'))
    return message, children._starting.get(5)


def test_what_is_shown_goes_up_until_the_marker(children, starter):
    message, child = start(children)
    assert starter.last.hold_back
    assert child.receive(STDERR, b'password:') == []
    assert child.receive(STDOUT, b'motd MA') == []
    assert not starter.last.released
    assert child.receive(STDOUT, b'RK\n') == []
    assert starter.last.released
    child.receive(STDERR, b'later')
    assert message.replies == [(ops.CHILD_OUTPUT, b'password:'), (ops.CHILD_OUTPUT, b'motd MA')]


def test_the_marker_counts_on_stdout_alone(children, starter):
    _, child = start(children)
    child.receive(TTY, b'MARK')
    child.receive(STDOUT, b'MA')
    child.receive(TTY, b'-')
    assert not starter.last.released
    child.receive(STDOUT, b'RK')
    assert starter.last.released


@pytest.mark.parametrize(('source', 'target'), [(TTY, TTY), (STDOUT, STDIN), (STDERR, STDIN)])
def test_answers_go_where_the_question_came_from(children, starter, source, target):
    _, child = start(children)
    child.receive(source, b'password:')
    children.type(5, b'secret\n')
    assert starter.last.typed == [(target, b'secret\n')]


def test_answers_that_come_late_or_for_nobody(children, starter):
    start(children)
    starter.last.on_ready(starter.last.context)
    children.type(5, b'secret\n')
    children.type(6, b'secret\n')
    assert starter.last.typed == []


def test_one_without_a_marker_shows_nothing(children, starter):
    message, child = start(children, marker='')
    assert not starter.last.hold_back
    child.receive(STDERR, b'warning')
    assert message.replies == []


def test_a_command_that_prints_without_end(children):
    _, child = start(children)
    actions = []
    for _ in range(MAX_NOISE_BYTES // 1000 + 1):
        actions += child.receive(STDERR, bytes(1000))
    assert [type(action) for action in actions] == [Fail]


def test_it_is_ready_once_its_agent_answers(children, starter):
    message, _ = start(children)
    starter.last.on_ready(starter.last.context)
    assert message.replies == []
    children._router.handler(FakeMessage(FACTS))
    assert message.replies == [(ops.CHILD_READY, 12, FACTS)]
    assert children._starting == {}
    assert not starter.last.left


def test_an_agent_that_fails(children, starter):
    message, _ = start(children)
    starter.last.on_ready(starter.last.context)
    children._router.handler(Raises(CallError('ImportError', 'no agent', '')))
    ((kind, reason, *_),) = message.replies
    assert (kind, reason) == (ops.CHILD_FAILED, 'died')
    assert starter.last.left
    assert children._starting == {}


def test_an_agent_that_does_not_answer(router, children, starter):
    message, _ = start(children, timeout_s=0.01)
    starter.last.on_ready(starter.last.context)
    router.until(lambda: message.replies, 'the end of the wait')
    assert message.replies[0][:2] == (ops.CHILD_FAILED, 'timeout')
    assert starter.last.left
    children._router.handler(FakeMessage(FACTS))
    assert len(message.replies) == 1


@pytest.mark.parametrize('error', [OSError(2, 'No such file'), ValueError('null'), StartError('option', 'h', 'c')])
def test_what_cannot_even_be_started(children, starter, monkeypatch, error):
    monkeypatch.setattr(starter, 'error', error)
    message, child = start(children)
    assert child is None
    assert message.replies[0][0] == ops.CHILD_FAILED


def test_those_of_a_session_are_given_up_with_it(children):
    message, _ = start(children, session=7)
    children.give_up(8)
    assert message.replies == []
    children.give_up(7)
    assert message.replies[0][:2] == (ops.CHILD_FAILED, 'become')
    assert children._starting == {}


def test_an_end_without_words_is_the_commands(children):
    _, child = start(children)
    child.receive(STDERR, b'sorry, you are not allowed\n')
    error = child.ended(1)
    assert error.kind == 'become'
    assert 'sorry' in error.cause


@pytest.mark.parametrize(
    ('marker', 'shows', 'status', 'told'),
    [('MARK', b'refused', 1, 1), ('MARK', b'MARK', 1, None), ('', b'', 1, None), ('MARK', b'', -9, None)],
)
def test_the_status_of_a_command_that_refuses_is_told(children, marker, shows, status, told):
    """Of a become plugin's command, until it has shown the marker: what ends later is no refusal."""
    _, child = start(children, marker=marker)
    child.receive(STDOUT, shows)
    assert child.ended(status).status == told


def test_no_room_is_the_cause_that_is_told(children, starter, monkeypatch):
    monkeypatch.setattr(starter, 'error', OSError(errno.EMFILE, 'Too many open files'))
    message, _ = start(children)
    ((operation, kind, _, cause, remedy, status),) = message.replies
    assert (operation, kind, status) == (ops.CHILD_FAILED, 'busy', None)
    assert 'too many open files' in cause
    assert 'ulimit' in remedy


@pytest.mark.parametrize('source', [TTY, STDERR])
def test_a_prompt_that_was_answered_is_no_part_of_the_reason(children, source):
    _, child = start(children)
    child.receive(source, b'Password: ')
    children.type(5, b'secret\n')
    child.receive(source, b'su: Authentication failure\n')
    assert child.ended(1).cause.endswith(' su: Authentication failure')
    assert 'Password' not in child.ended(1).cause
