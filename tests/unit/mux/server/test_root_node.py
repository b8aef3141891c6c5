"""The context of a login: how its start can end, and when it ends itself."""

from types import SimpleNamespace

import pytest

from svcfw.agent import ops, requests
from svcfw.core.wire.errors import ChannelError, DecodeError, StartError
from svcfw.mux.server import root_node as module
from svcfw.transport import failures
from svcfw.transport.spec import Spec
from tests.unit.mux.server.fakes import bare
from tests.unit.mux.server.nodes import (
    ERROR,
    FACTS,
    FakeDead,
    FakeDone,
    Starter,
    come_up,
    make_root,
)


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


@pytest.fixture
def with_secrets(router, root):
    """What a login is to be started with: (Spec, node)."""
    spec = Spec(transport='local', host='h', password='secret', passphrase='secret', env={'TOKEN': 'secret'})
    return spec, module.RootNode(router, spec, lambda: None)


def test_a_start_that_has_failed_keeps_no_secrets(with_secrets):
    spec, _ = with_secrets
    Starter.last.on_failed(ERROR)
    assert 'secret' not in str(vars(spec))


def fail_to_run(host, environment):
    """As a transport does where a program cannot be started: frames on the way have all of the environment."""
    try:
        raise FileNotFoundError(2, 'nothing there')
    except OSError as exc:
        raise failures.cannot_run(host, 'ssh', exc, '') from exc


def test_the_error_of_a_start_that_cannot_be_begun_keeps_no_frames(router, root, monkeypatch):
    monkeypatch.setattr(
        module.connect, 'launcher', lambda spec: fail_to_run(spec.host, dict(spec.env))
    )  # fmt: skip
    spec = Spec(transport='local', host='h', env={'TOKEN': 'secret'})
    node = module.RootNode(router, spec, lambda: None)
    router.loop.soon[-1]()
    error = node.failure
    assert str(error) == 'h: cannot run ssh: nothing there'
    assert (error.__traceback__, error.__cause__, error.__context__) == (None, None, None)
    assert 'secret' not in str(vars(spec))


def test_a_start_that_fails_in_a_way_that_nobody_foresaw(router, root, monkeypatch, caplog):
    monkeypatch.setattr(module.connect, 'launcher', lambda spec: 1 // 0)
    node = make_root(router)
    router.loop.soon[-1]()
    (error,) = node.outcomes
    assert (error.kind, error.host) == ('died', 'h')
    assert 'ZeroDivisionError' in error.cause
    assert 'Traceback' in caplog.text
    assert node._deadline.is_cancelled


def test_a_context_that_is_up_keeps_no_secrets(with_secrets):
    spec, node = with_secrets
    assert 'secret' in str(vars(spec))
    come_up(node)
    assert 'secret' not in str(vars(spec))


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


def test_the_log_has_what_the_program_said_that_did_not_come_to_a_link(root, caplog):
    Starter.last.on_failed(StartError('died', 'web1', 'ssh ended with status 1', 'Try it by hand.'))
    assert 'web1: ssh ended with status 1. Try it by hand.\n  It said:\n  Host key verification failed.' in caplog.text
    assert 'debug1' not in caplog.text


def test_the_name_of_the_host_is_not_in_the_reason(root):
    come_up(root)
    root.lost(f'{root.context}: the connection was lost')
    assert root.dead == 'the connection was lost'


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
