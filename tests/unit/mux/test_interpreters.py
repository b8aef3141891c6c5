"""Which node runs a shebang's interpreter."""

import pytest

from svcfw.ansible.target import ops
from svcfw.core.wire.errors import ChannelError, DecodeError, StartError
from svcfw.mux import interpreters
from tests.unit.mux.fakes import FakeNode

WORDS = ('/opt/python',)


@pytest.fixture
def node():
    return FakeNode()


def find(node, words=WORDS):
    found: list[object] = []
    interpreters.find(node, words, 7, 10, found.append)
    return found


def test_ones_own_is_known_without_asking(node):
    assert interpreters.known(node, ('/usr/bin/python3',)) is node
    assert interpreters.known(node, WORDS) is None
    assert interpreters.known(FakeNode(up=False), ('/usr/bin/python3',)) is None


def test_another_name_of_ones_own(node):
    found = find(node)
    ((operation, arguments, _),) = node.asked.values()
    assert (operation, arguments) == (ops.INTERPRETER, (['/opt/python'],))
    node.answer((True, '/opt/python'))
    assert found == [node]
    assert interpreters.known(node, WORDS) is node
    assert node.asked == {}


def test_a_child_that_is_up_is_taken(node):
    child = node.children['/opt/python'] = FakeNode(2)
    found = find(node)
    node.answer((False, '/opt/python'))
    assert found == [child]
    assert interpreters.known(node, WORDS) is child
    child.dead = 'gone'
    assert interpreters.known(node, WORDS) is None


def test_a_child_that_fails_is_remembered(node):
    child = node.children['/opt/python'] = FakeNode(2, up=False)
    found, others = find(node), find(node)
    for handle in list(node.asked):
        node.answer((False, '/opt/python'), handle)
    child.come_up(StartError('nopython', 'h', 'tried 2.7', ''))
    assert found == others
    assert [error.kind for error in found] == ['interpreter']
    assert 'tried 2.7' in str(found[0])
    again = find(node)
    node.answer((False, '/opt/python'))
    assert again == found


def test_a_child_that_fails_as_its_parent_died_is_no_fault_of_its_own(node):
    child = node.children['/opt/python'] = FakeNode(2, up=False)
    found = find(node)
    node.answer((False, '/opt/python'))
    node.dead = 'killed'
    child.come_up(ChannelError('x'))
    assert isinstance(found[0], ChannelError)
    assert node.unfit == {}


@pytest.mark.parametrize('value', [None, (), (True,), (1, 'x'), (False, b'x'), DecodeError('rubbish')])
def test_nonsense(node, value):
    found = find(node)
    node.answer(value)
    assert isinstance(found[0], DecodeError)
    assert node.asked == {}
