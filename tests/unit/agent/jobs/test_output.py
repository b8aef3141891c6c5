"""Output within the receiver's credit."""

import pytest

from svcfw.agent import ops
from svcfw.agent.jobs.output import PART_BYTES, WINDOW_BYTES, Output
from svcfw.core.wire.errors import WindowError
from svcfw.core.wire.limits import MAX_WINDOW_BYTES, READ_BYTES
from tests.unit.agent.fakes import FakeMessage


class Written:
    def __init__(self) -> None:
        self.message = FakeMessage()
        self.rooms = 0
        self.output = Output(self.message, self.on_room)

    def on_room(self) -> None:
        self.rooms += 1

    def fill(self) -> int:
        """Write as its users do; returns how many bytes went in."""
        written = 0
        while not self.output.is_full():
            self.output.write(1, bytes(READ_BYTES))
            written += READ_BYTES
        return written

    def sent(self) -> int:
        return sum(len(part[1]) + len(part[2]) for part in self.message.replies)


@pytest.fixture
def written():
    return Written()


def test_little_travels_with_the_result(written):
    written.output.write(1, b'out')
    written.output.write(2, b'err')
    assert written.message.replies == []
    written.output.finish(3)
    assert written.message.replies == [(ops.DONE, 3, b'out', b'err')]


def test_no_more_is_sent_than_was_granted_nor_held_than_a_part(written):
    total = written.fill()
    assert written.sent() <= WINDOW_BYTES
    assert total - written.sent() < PART_BYTES + READ_BYTES
    assert all(part[0] == ops.PART for part in written.message.replies)


def test_credit_makes_room(written):
    written.fill()
    written.output.grant(1)
    assert written.rooms == 0
    written.output.grant(2 * PART_BYTES)
    assert written.rooms == 1
    assert not written.output.is_full()


def test_credit_while_there_is_room_is_kept_quietly(written):
    written.output.grant(PART_BYTES)
    assert written.rooms == 0


def test_everything_comes_in_order(written):
    data = b''.join(b'%07d\n' % number for number in range(100_000))
    for start in range(0, len(data), READ_BYTES):
        written.output.write(1, data[start : start + READ_BYTES])
    written.output.finish(0)
    assert b''.join(part[-2] for part in written.message.replies) == data


@pytest.mark.parametrize('credit', [-1, MAX_WINDOW_BYTES + 1])
def test_no_receiver_grants_that(written, credit):
    with pytest.raises(WindowError):
        written.output.grant(credit)
