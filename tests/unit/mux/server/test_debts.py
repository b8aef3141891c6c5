"""What deferred operations owe a client: nodes stay until they are done, failures come with the next answer."""

import pytest

from svcfw.agent import ops
from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.mux.server.debts import Debts
from tests.unit.mux.server.fakes import FakeNode

REQUEST = object()
ERROR = StartError('refused', 'h', 'c', 'r')


@pytest.fixture
def node():
    return FakeNode(1)


@pytest.fixture
def debts(node):
    made = Debts(7)
    made.uses(node)
    return made


def test_a_node_is_held_until_its_operations_are_done(debts, node):
    debts.owes(node)
    assert debts.is_at(node)
    assert node.holders == {debts}
    debts.forgive()
    assert node.holders == set()
    assert not debts.is_at(node)


def test_a_node_is_held_until_the_request_is_settled(debts, node):
    debts.hold(REQUEST, node)
    assert debts.is_at(node)
    debts.let_go(REQUEST)
    debts.let_go(REQUEST)
    assert node.holders == set()


def test_an_agents_report_takes_the_place_of_one_answer(debts, node):
    debts.owes(node)
    debts.on_failure(1, (ops.PUT, '/x', 1, 'no space'))
    debts.on_failure(1, (ops.CHMOD, '/x', 1, 'a consequence'))
    assert debts.take_failure() == ('put_file', '/x', 1, 'no space')
    assert node.holders == set()
    assert debts.take_failure() is None


def test_only_agents_that_the_client_uses_are_believed(debts):
    debts.on_failure(2, (ops.PUT, '/x', 1, 'no space'))
    assert debts.take_failure() is None


def test_a_content_that_could_not_be_used_is_sent_again(debts, node):
    debts.on_failure(1, (ops.PUT_HELD, '/x', 1, 'checksum mismatch'))
    assert node.remote_cache.doubts == 1


def test_the_first_refusal_is_raised_once(debts):
    assert not debts.is_refused
    debts.refused(ERROR)
    debts.refused(ChannelError('later'))
    assert debts.is_refused
    with pytest.raises(StartError, match='c'):
        debts.check()
    debts.check()
    assert not debts.is_refused


def test_what_was_sent_to_a_node_that_died_is_lost(debts, node):
    debts.owes(node)
    debts.check()
    node.dead = 'it was killed'
    with pytest.raises(ChannelError, match='done elsewhere'):
        debts.require_alive()
    with pytest.raises(ChannelError, match='it was killed'):
        debts.check()
    debts.check()
    debts.require_alive()


def test_one_that_left_by_itself_has_done_it(debts, node):
    debts.owes(node)
    node.dead, node.has_left = 'it was ended', True
    debts.check()
    assert node.holders == set()


def test_a_retired_node_is_waited_for(debts, node):
    debts.owes(node)
    assert debts.elsewhere() is None
    node.is_retired = True
    assert debts.elsewhere() is node
    node.dead = 'gone'
    assert debts.elsewhere() is None


def test_agents_are_told_that_the_client_leaves(debts, node):
    other, dead = FakeNode(2, up=False), FakeNode(3)
    dead.dead = 'gone'
    debts.uses(other)
    debts.uses(dead)
    debts.leave()
    assert [told[0] for told in node.told] == [ops.END]
    assert other.told == dead.told == []


def test_a_node_of_a_client_that_takes_stale_ones_is_told(debts, node):
    debts.takes_stale = True
    debts.uses(node)
    assert (ops.ANYWAY, 7, ()) in node.told


def test_a_reset_clears_everything(debts, node):
    debts.owes(node)
    debts.refused(ERROR)
    debts.on_failure(1, (ops.PUT, '/x', 1, 'no space'))
    debts.clear()
    debts.check()
    assert debts.take_failure() is None
    assert node.holders == set()
