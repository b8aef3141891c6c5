"""Nodes against a router that is none: requests, what they hold, and when they are idle."""

import pytest

from svcfw.agent import ops, requests
from svcfw.core.wire.errors import ChannelError
from svcfw.mux.server.node import Node, StaleError
from tests.unit.mux.server.fakes import FakeMessage, bare
from tests.unit.mux.server.nodes import (
    FACTS,
    Context,
    Starter,
    come_up,
)


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


@pytest.mark.parametrize(('src', 'is_root'), [(1, True), (2, False)])
def test_who_said_that_it_is_stale(ready_child, src, is_root):
    error = ready_child.judged(FakeMessage(None, src), ChannelError(ops.STALE + '/etc/group has changed'))
    assert isinstance(error, StaleError)
    assert error.said_by is (ready_child.root if is_root else ready_child)
    other = ChannelError('gone')
    assert ready_child.judged(FakeMessage(None, src), other) is other
