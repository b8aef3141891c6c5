"""Nodes against a router that is none: requests, and the ways in which a start can end."""

from types import SimpleNamespace

import pytest

from svcfw.agent import ops, requests
from svcfw.core import handles
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import ChannelError, DecodeError, StartError
from svcfw.mux.server import child_node
from svcfw.mux.server import root_node as module
from svcfw.mux.server.child_node import ChildNode
from svcfw.mux.server.node import Node, StaleError
from svcfw.mux.server.root_node import RootNode
from svcfw.transport.spec import Spec
from tests.support.loops import StillLoop
from tests.unit.mux.server.fakes import FakeMessage, bare

FACTS = {'home': '/', 'user': 'u', 'uid': 0, 'python': '/p', 'version': (3, 6, 1), 'shell': '/bin/sh'}
ERROR = StartError('refused', 'h', 'c', 'r')


class Context:
    def __init__(self, router, number):
        self.router = router
        self.id = number

    def __str__(self):
        return f'c{self.id}'

    def send(self, handle, value, reply_to=0):
        assert handle == handles.AGENT
        self.router.sent.append((self.id, value, reply_to))

    def request_async(self, handle, value, on_reply):
        self.router.calls.append((self.id, handle, on_reply))


class Responder:
    def push(self, context, names):
        pass


class Router:
    def __init__(self):
        self.loop = StillLoop()
        self.codec = Codec()
        self.bundle = b'core'
        self.responder = Responder()
        self.sent = []
        self.calls = []
        self.handlers = {}
        self.gone = {}
        self.links = {}
        self.own_id = 0
        self.handle = 1000

    def add_handler(self, function, respondent):
        self.handle += 1
        self.handlers[self.handle] = function
        return self.handle

    def remove_handler(self, handle):
        self.handlers.pop(handle, None)

    def on_gone(self, context, function):
        self.gone[context.id] = function

    def context(self, number, name=None):
        return Context(self, number)

    def link_for(self, number):
        return self.links.get(number)

    def send(self, frame):
        assert frame.handle == handles.AGENT
        self.sent.append((frame.dst, self.codec.decode(frame.payload), frame.reply_to))

    def say(self, value):
        """Deliver a message to the only handler."""
        (handler,) = self.handlers.values()
        handler(FakeMessage(value))


class Starter:
    last: 'Starter'
    error: StartError | None = None

    def __init__(self, router, name, launch, on_ready, on_failed, timeout_s):
        if self.error is not None:
            raise self.error
        Starter.last = self
        self.context = Context(router, 1)
        self.on_ready, self.on_failed = on_ready, on_failed
        self.given_up = []
        self.has_left = False
        self.dialogue = SimpleNamespace(said='debug1: login\nHost key verification failed.\n')
        self.command = ['ssh', 'web1']

    def give_up(self, error):
        self.given_up.append(error)

    def leave(self):
        self.has_left = True


@pytest.fixture
def router():
    made = Router()
    made.links = {1: 'link', 2: 'link', 9: 'other link'}
    return made


@pytest.fixture
def root(router, monkeypatch):
    monkeypatch.setattr(module, 'Starter', Starter)
    monkeypatch.setattr(Starter, 'error', None)
    return make_root(router)


def test_a_node_is_asked_once_for_each_interpreter_before_it_gets_secrets(router, root):
    root.adopt(root.context, FACTS)
    sent, ready = len(router.sent), []
    assert not root.is_ready_for_secrets(['/p'], lambda: ready.append(1))
    assert router.sent[sent][1] == (ops.WIPE, 0, (['/p'],))
    assert not ready
    router.say(None)
    assert ready == [1]
    assert root.is_ready_for_secrets(['/p'], lambda: ready.append(2))
    assert not root.is_ready_for_secrets(['/q'], lambda: ready.append(3))


def make_root(router):
    ends = []
    made = RootNode(router, Spec(transport='local', host='h', timeout_s=10), lambda: ends.append(1))
    made.ends = ends
    made.outcomes = []
    made.when_ready(made.outcomes.append)
    return made


def come_up(root):
    Starter.last.on_ready(Starter.last.context)
    root.router.calls[-1][2](FakeDone(FACTS))
    return root


class FakeDone(FakeMessage):
    is_dead = False


class FakeDead(FakeMessage):
    is_dead = True


# -- the start of a root ---------------------------------------------------------------------------------------------


def test_a_root_is_there_once_its_agent_answers(root):
    assert root.outcomes == []
    come_up(root)
    assert (root.outcomes, root.facts, root.ends) == ([None], FACTS, [])
    late = []
    root.when_ready(late.append)
    assert late == [None]
    assert root._deadline.is_cancelled


def test_what_the_starter_says_counts(root):
    root.router.calls[-1][2](FakeDead(ChannelError('gone')))
    root.lost('gone')
    assert root.outcomes == []
    Starter.last.on_failed(ERROR)
    assert root.outcomes == [ERROR]
    assert root.dead
    assert root.ends


def test_a_context_that_dies_before_its_agent_answers(root):
    Starter.last.on_ready(Starter.last.context)
    root.router.calls[-1][2](FakeDead(ChannelError('gone')))
    root.lost('the connection was lost')
    (error,) = root.outcomes
    assert (error.kind, error.cause) == ('died', 'the connection was lost')


def test_an_agent_that_does_not_answer(root):
    Starter.last.on_ready(Starter.last.context)
    root.router.loop.timers[0].function()
    (error,) = root.outcomes
    assert error.kind == 'timeout'
    assert Starter.last.has_left
    root.router.calls[-1][2](FakeDone(FACTS))
    assert root.facts is None
    assert len(root.outcomes) == 1


@pytest.mark.parametrize('facts', [None, {}, {**FACTS, 'home': 5}, {**FACTS, 'version': '3'}, DecodeError('x')])
def test_facts_that_are_none(root, facts):
    Starter.last.on_ready(Starter.last.context)
    root.router.calls[-1][2](FakeDone(facts))
    (error,) = root.outcomes
    assert error.kind == 'died'
    assert Starter.last.has_left


def test_more_facts_than_there_are(root):
    Starter.last.on_ready(Starter.last.context)
    root.router.calls[-1][2](FakeDone({**FACTS, 'more': 'x' * 10}))
    assert root.facts == FACTS


def test_what_cannot_even_be_begun(router, root, monkeypatch):
    monkeypatch.setattr(Starter, 'error', ERROR)
    other = make_root(router)
    router.loop.soon[-1]()
    assert other.outcomes == [ERROR]
    assert other.ends


def test_a_reset_during_the_start(root):
    root.leave()
    (error,) = root.outcomes
    assert error.kind == 'died'
    assert root.dead
    assert Starter.last.given_up


def test_a_reset(root):
    come_up(root)
    root.leave()
    assert root.has_left
    assert Starter.last.has_left
    root.lost('shut down')
    assert root.dead == 'it was reset'


# -- requests --------------------------------------------------------------------------------------------------------


def test_it_is_idle_when_nothing_is_asked_of_it(root):
    assert not root.is_idle()  # somebody waits for it
    come_up(root)
    assert root.is_idle()
    handle = root.request(7, requests.Flush(), print)
    assert not root.is_idle()
    root.router.loop.clock.now = 50.0
    root.finish(handle)
    root.finish(handle)
    assert root.is_idle()
    assert root.idle_since() == 50.0
    assert root.router.handlers == {}


def test_it_is_not_idle_while_something_large_is_under_way(root):
    come_up(root)
    root.flow.sent(ops.ACK_BYTES)
    assert not root.is_idle()
    root.flow.acknowledged(ops.ACK_BYTES)
    assert root.is_idle()


def test_a_request_that_cannot_be_sent_is_none(root, monkeypatch):
    come_up(root)

    def fail(*arguments):
        raise ChannelError('closed')

    monkeypatch.setattr(root, '_send', fail)
    with pytest.raises(ChannelError):
        root.request(7, requests.Flush(), print)
    assert root.is_idle()


def test_what_may_not_rest_on_a_failure_goes_by_way_of_the_root(root):
    come_up(root)
    child = Node(root.router, root)
    child.adopt(Context(root.router, 2), FACTS)
    child.tell(7, bare(ops.PUT))
    child.request(7, requests.Flush(), print)
    child.tell(7, requests.End())
    child.tell(7, requests.Grant(1, 2))
    sent = root.router.sent
    assert [(where, value[0]) for where, value, _ in sent] == [
        (1, ops.RELAY), (1, ops.RELAY), (2, ops.END), (2, ops.GRANT),
    ]  # fmt: skip
    assert root.router.codec.decode(sent[0][1][2][1]) == (ops.PUT, 7, ())
    assert sent[1][2] == 1001


# -- children --------------------------------------------------------------------------------------------------------


@pytest.fixture
def child(root):
    come_up(root)
    shown = []
    made = ChildNode(root, 'x' * 500, 7, ['/bin/sh'], False, 'M', 10, shown.append)
    made.shown = shown
    made.outcomes = []
    made.when_ready(made.outcomes.append)
    root.children['k'] = made
    return made


def test_a_child_is_there(child):
    assert len(child.name) <= child_node.MAX_NAME_CHARS
    child.router.say((ops.CHILD_OUTPUT, b'motd'))
    child.type(b'secret')
    child.router.say((ops.CHILD_READY, 2, FACTS))
    assert child.shown == [b'motd']
    assert child.outcomes == [None]
    assert (child.context.id, child.router.handlers) == (2, {})
    assert child.root.contexts() == {1, 2}
    child.router.gone[2]('it was killed')
    assert child.dead == 'it was killed'


def test_a_child_that_fails(child):
    child.router.say((ops.CHILD_FAILED, 'become', 'h', 'c', 'r', 3))
    (error,) = child.outcomes
    assert (error.kind, error.remedy, error.status) == ('become', 'r', 3)
    assert not child.given_up
    assert child.root.is_idle()


def test_a_child_whose_parent_refuses_or_dies_may_be_wanted_by_others(child):
    child.router.say(ChannelError('an earlier operation failed'))
    assert isinstance(child.outcomes[0], ChannelError)
    assert child.given_up


def test_a_child_that_never_comes(child):
    child._deadline.function()
    assert child.outcomes[0].kind == 'timeout'
    assert child.root.is_idle()


@pytest.mark.parametrize(
    'value',
    [
        None,
        (),
        5,
        (ops.CHILD_OUTPUT, 'text'),
        (ops.CHILD_READY, 2),
        (ops.CHILD_READY, '2', FACTS),
        (ops.CHILD_READY, 1, FACTS),  # its own parent
        (ops.CHILD_READY, 9, FACTS),  # behind another host
        (ops.CHILD_READY, 77, FACTS),  # nobody
        (ops.CHILD_READY, 2, {}),
        (ops.CHILD_FAILED, 'become'),
        (ops.CHILD_FAILED, 1, 2, 3, 4),
        (ops.CHILD_OUTPUT, bytes(10**6)),
        DecodeError('rubbish'),
    ],
)
def test_an_agent_that_talks_nonsense_of_its_child(child, value):
    child.router.say(value)
    assert child.outcomes[0].kind == 'died'
    assert child.facts is None
    assert child.shown == []
    assert child.router.handlers == {}


def test_a_child_that_is_another_nodes(child):
    child.router.say((ops.CHILD_READY, 2, FACTS))
    other = ChildNode(child.root, 'other', 7, ['/bin/sh'], False, 'M', 10, print)
    other.when_ready(child.outcomes.append)
    child.router.say((ops.CHILD_READY, 2, FACTS))
    assert child.outcomes[1].kind == 'died'


def test_the_log_has_what_the_program_said_that_did_not_come_to_a_link(root, caplog):
    Starter.last.on_failed(StartError('died', 'web1', 'ssh ended with status 1', 'Try it by hand.'))
    assert 'web1: ssh ended with status 1. Try it by hand.\n  It said:\n  Host key verification failed.' in caplog.text
    assert 'debug1' not in caplog.text


def test_the_name_of_the_host_is_not_in_the_reason(root):
    come_up(root)
    root.lost(f'{root.context}: the connection was lost')
    assert root.dead == 'the connection was lost'


@pytest.mark.parametrize(
    ('shown', 'without', 'with_password'),
    [
        (b'sudo: sorry, you must have a tty to run sudo\n', True, True),
        (b'doas: a tty is required\n', True, True),
        (b'sudo: a terminal is required to read the password\n', False, True),
        (b'bob is not in the sudoers file.\n', False, False),
    ],
)
def test_a_terminal_is_of_use_to_who_asked_for_it(child, shown, without, with_password):
    child._shown = shown
    assert (child.asked_for_tty(False), child.asked_for_tty(True)) == (without, with_password)
    child.has_tty = True
    assert not child.asked_for_tty(True)


# -- retirement ------------------------------------------------------------------------------------------------------


@pytest.fixture
def ready_child(child):
    child.router.say((ops.CHILD_READY, 2, FACTS))
    child.router.loop.turn()
    return child


def operations(router):
    return [(where, value[0]) for where, value, _ in router.sent if value[0] != ops.CHILD]


def test_an_idle_root_ends_when_it_is_retired(root):
    come_up(root)
    root.retire()
    assert (root.is_retired, root.has_left, Starter.last.has_left) == (True, True, True)


@pytest.mark.parametrize('is_in_use', ['asked', 'held', 'busy'])
def test_a_retired_root_ends_with_its_last_use(root, is_in_use):
    come_up(root)
    if is_in_use == 'asked':
        handle = root.request(7, bare(ops.COMMAND), print)
        end = lambda: root.finish(handle)  # noqa: E731
    elif is_in_use == 'held':
        root.hold('request')
        end = lambda: root.release('request')  # noqa: E731
    else:
        root.flow.sent(ops.ACK_BYTES)
        end = lambda: root.flow.acknowledged(ops.ACK_BYTES)  # noqa: E731
    root.retire()
    root.sweep()
    assert not root.dead
    end()
    root.router.loop.turn()
    root.sweep()  # as the server does it now and then
    assert root.has_left


def test_whoever_lets_go_may_hold_it_again_at_once(root):
    come_up(root)
    root.hold('one')
    root.retire()
    root.release('one')
    root.hold('two')
    root.router.loop.turn()
    assert not root.dead


def test_a_root_that_is_retired_while_it_starts_serves_who_waits_for_it(root):
    root.retire()
    assert root.outcomes == []
    come_up(root)
    assert root.outcomes == [None]
    root.router.loop.turn()
    assert root.has_left


def test_a_root_that_nobody_waits_for_is_given_up(root):
    root._waiting.clear()
    root.retire()
    assert root.dead
    assert Starter.last.given_up


def test_a_root_that_is_reinstated(root):
    come_up(root)
    root.hold('server')
    root.retire()
    root.reinstate()
    root.release('server')
    root.router.loop.turn()
    assert not root.dead
    assert root.is_last_resort()
    root.router.loop.clock.now = module.LAST_RESORT_S
    assert not root.is_last_resort()


def test_a_root_stays_for_what_is_done_below_it(ready_child):
    root = ready_child.root
    handle = ready_child.request(7, bare(ops.COMMAND), print)
    root.retire()
    assert ready_child.is_retired
    assert not root.dead
    ready_child.finish(handle)
    root.router.loop.turn()
    assert root.has_left


def test_a_child_is_not_found_any_more_and_ends(ready_child):
    root, router = ready_child.root, ready_child.router
    ready_child.retire()
    assert root.children == {}
    assert root.contexts() == {1, 2}
    assert operations(router) == [(1, ops.DISMISS)]
    assert router.sent[-1][1] == (ops.DISMISS, 0, (2,))
    assert (ready_child.dead, ready_child.has_left) == ('it was ended', True)
    gone = []
    ready_child.when_gone(gone.append)
    router.gone[2]('it has shut down')  # its process may still be there
    assert gone == []
    assert not root.is_idle()
    router.say(None)
    assert gone == [ready_child]
    assert root.contexts() == {1}
    assert root.is_idle()


def test_a_child_that_is_used_ends_later(ready_child):
    ready_child.hold('request')
    ready_child.retire()
    assert not ready_child.dead
    ready_child.release('request')
    ready_child.router.loop.turn()
    assert operations(ready_child.router) == [(1, ops.DISMISS)]
    ready_child.sweep()
    assert operations(ready_child.router) == [(1, ops.DISMISS)]


def test_a_child_that_is_retired_while_it_starts(child):
    child.retire()
    child.router.say((ops.CHILD_READY, 2, FACTS))
    assert child.outcomes == [None]
    child.router.loop.turn()
    assert operations(child.router) == [(1, ops.DISMISS)]


def test_a_child_that_fails_is_none(child):
    child.router.say((ops.CHILD_FAILED, 'become', 'h', 'c', 'r'))
    assert child.root.children == {}


def test_a_child_that_dies_by_itself_is_gone(ready_child):
    gone = []
    ready_child.when_gone(gone.append)
    ready_child.router.gone[2]('it was killed')
    assert gone == [ready_child]
    assert ready_child.root.children == {}
    ready_child.retire()
    assert operations(ready_child.router) == []
    assert ready_child.root.all_children() == []


@pytest.mark.parametrize(('src', 'is_root'), [(1, True), (2, False)])
def test_who_said_that_it_is_stale(ready_child, src, is_root):
    error = ready_child.judged(FakeMessage(None, src), ChannelError(ops.STALE + '/etc/group has changed'))
    assert isinstance(error, StaleError)
    assert error.said_by is (ready_child.root if is_root else ready_child)
    other = ChannelError('gone')
    assert ready_child.judged(FakeMessage(None, src), other) is other


def test_a_child_that_a_stale_parent_does_not_start(child):
    child.router.say(ChannelError(ops.STALE + '/etc/group has changed'))
    (error,) = child.outcomes
    assert isinstance(error, StaleError)
    assert error.said_by is child.root


@pytest.mark.parametrize(
    ('is_retired', 'is_needed', 'limit_s'),
    [(False, False, module.STALLED_S), (True, True, module.STALLED_S), (True, False, module.RETIRED_STALLED_S)],
)
def test_a_host_that_takes_nothing_is_given_up(root, is_retired, is_needed, limit_s):
    come_up(root)
    closed = []
    root.router.links[1] = SimpleNamespace(close=closed.append)
    root.hold('a client')
    if is_retired:
        root.retire()

    def look():
        root.end_if_stalled(lambda node: is_needed)

    root.router.loop.clock.now += 2 * limit_s
    look()  # nothing is under way
    root.tell(7, requests.Put('/file', 0o600, bytes(10_000), 0, b''))
    root.router.loop.clock.now += limit_s
    look()
    assert closed == []
    root.router.loop.clock.now += 1
    look()
    assert closed == [f'h: it has taken nothing for {limit_s + 1:.0f} s. See whether it, or a disk there, hangs.']
