"""Contexts of other accounts: how their start can end, and when they end themselves."""

import pytest

from svcfw.agent import ops, requests
from svcfw.core import handles
from svcfw.core.sealed.seal import Seal
from svcfw.core.wire.errors import ChannelError, DecodeError
from svcfw.core.wire.frames import Frame
from svcfw.mux.server import child_node
from svcfw.mux.server.child_node import ChildNode
from svcfw.mux.server.node import StaleError
from tests.unit.mux.server.nodes import FACTS, operations


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


def test_what_it_is_told_is_sealed(child):
    ((_, (operation, _, values), _),) = child.router.sent
    assert operation == ops.CHILD
    *_, key, digests, call = values
    assert child.router.relay.seals == {}
    child.router.say((ops.CHILD_READY, 2, FACTS))
    assert child.router.relay.seals == {2: child.seal}
    there, codec = Seal(key, 2), child.router.codec
    for handle, payload, value in (
        (handles.LOAD_MODULE, digests, {'svcfw.agent.agent': b'digest'}),
        (handles.CALL_FUNCTION, call, (('svcfw.agent.agent', 'start'), (), {'is_lent': True, 'is_below': True})),
    ):
        frame = Frame(2, 1, 1, handle, 0, 0, payload)
        assert there.opens(frame)
        assert codec.decode(frame.payload) == value
    child.request(7, requests.Flush(), print)
    dst, (operation, session, (context_id, relayed)), reply_to = child.router.sent[-1]
    assert (dst, operation, session, context_id) == (1, ops.RELAY, 7, 2)
    frame = Frame(2, 0, 0, handles.AGENT, reply_to, 0, relayed)
    assert there.opens(frame)
    assert codec.decode(frame.payload) == requests.Flush().sent_by(7)


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


def test_a_child_that_a_stale_parent_does_not_start(child):
    child.router.say(ChannelError(ops.STALE + '/etc/group has changed'))
    (error,) = child.outcomes
    assert isinstance(error, StaleError)
    assert error.said_by is child.root
