"""One request at an agent: only what is in order gets through."""

import pytest

from svcfw.agent import ops
from svcfw.core.wire.errors import ChannelError, DecodeError
from svcfw.core.wire.limits import WINDOW_BYTES
from svcfw.mux.server.exchange import MAX_PARTS, Exchange
from tests.unit.mux.server.fakes import FakeNode, FakeStream, bare


class Asked:
    def __init__(self, operation: str) -> None:
        self.node = FakeNode()
        self.client = FakeStream()
        self.parts: list[object] = []
        self.ends: list[object] = []
        self.exchange = Exchange(
            self.node, 7, self.client, bare(operation), lambda *part: self.parts.append(part), self.ends.append
        )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('operation', 'value', 'result'),
    [
        (ops.COMMAND, (ops.DONE, 1, b'o', b'e'), (1, b'o', b'e')),
        (ops.MODULE, (ops.DONE, 1, b'o', b'e'), (1, b'o', b'e')),
        (ops.FETCH, (ops.DONE, 0o644, b'o', b''), (0o644, b'o', b'')),
        (ops.EXPAND, '/home', '/home'),
        (ops.FLUSH, None, None),
        (ops.PUT_KEPT, True, True),
    ],
)
def test_answers(operation, value, result):
    asked = Asked(operation)
    asked.node.answer(value)
    assert asked.ends == [result]
    assert asked.node.asked == {}
    assert asked.node.expelled == []


@pytest.mark.parametrize(
    ('operation', 'value'),
    [
        (ops.COMMAND, None),
        (ops.COMMAND, (ops.DONE, 1, b'o')),
        (ops.COMMAND, (ops.DONE, True, b'o', b'e')),
        (ops.COMMAND, (ops.PART, 'o', b'e')),
        (ops.COMMAND, (ops.PART, bytes(WINDOW_BYTES), b'e')),
        (ops.EXPAND, b'/home'),
        (ops.FLUSH, 0),
        (ops.PUT_KEPT, None),
        (ops.FLUSH, (ops.PART, b'', b'')),
        (ops.FLUSH, DecodeError('rubbish')),
    ],
)
def test_what_is_no_answer_ends_more_than_the_request(operation, value):
    asked = Asked(operation)
    asked.node.answer(value)
    (error,) = asked.ends
    assert isinstance(error, ChannelError)
    assert 'broke the protocol' in str(error)
    assert asked.node.expelled == [str(error)]
    assert asked.node.asked == {}


def test_credit_is_granted_for_each_part_once_the_client_has_room():
    asked = Asked(ops.COMMAND)
    part = (ops.PART, bytes(WINDOW_BYTES // 4), b'')
    grant = (ops.GRANT, 7, (1001, WINDOW_BYTES // 4))
    asked.node.answer(part)
    assert asked.node.told == [grant]
    asked.client.full = True
    asked.node.answer(part)
    assert asked.node.told == [grant]
    asked.client.make_room()
    assert asked.node.told == [grant, grant]
    assert len(asked.parts) == 2


def test_parts_of_nothing_do_not_pile_up_before_a_client_that_does_not_read():
    asked = Asked(ops.COMMAND)
    asked.client.full = True
    for _ in range(MAX_PARTS):
        asked.node.answer((ops.PART, b'', b''))
    assert not asked.ends
    asked.node.answer((ops.PART, b'', b''))
    assert 'parts arrived before the first was consumed' in str(asked.ends[0])
    assert asked.node.expelled == [str(asked.ends[0])]


def test_a_dead_node_is_not_asked():
    node = FakeNode()
    node.dead = 'gone'
    with pytest.raises(ChannelError, match='gone'):
        Exchange(node, 7, FakeStream(), bare(ops.FLUSH), lambda *part: None, print)  # type: ignore[arg-type]


def test_closing_drops_what_comes_later():
    asked = Asked(ops.FLUSH)
    asked.exchange.close()
    asked.exchange.close()
    assert asked.node.asked == {}
