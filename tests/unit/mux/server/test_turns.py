"""Turns on a link: bounded, fair, and never for ever."""

import pytest

from svcfw.agent import ops
from svcfw.core.wire.errors import WindowError
from svcfw.mux.server.turns import LinkTurns
from tests.support.loops import Clock


@pytest.fixture
def flow():
    return LinkTurns(Clock())


def fill(flow):
    """Send until there is no more room; returns the bytes."""
    sent = 0
    done = []
    while True:
        flow.when_room(lambda: done.append(1))
        if not done:
            flow._waiting.clear()
            return sent
        done.clear()
        flow.sent(64 * 1024)
        sent += 64 * 1024


def test_no_more_is_under_way_than_the_path_takes(flow):
    assert fill(flow) <= 512 * 1024


def test_those_who_wait_take_turns(flow):
    total = fill(flow)
    order = []

    def take(name):
        order.append(name)
        flow.sent(64 * 1024)
        flow.when_room(lambda: take(name))

    for name in 'ab':
        flow.when_room(lambda name=name: take(name))
    assert order == []
    for _ in range(6):
        total -= 0
        flow._clock.now += 0.001
        flow.acknowledged(flow._flow.total_acknowledged + flow._flow.under_way)
    assert order[:4] == ['a', 'b', 'a', 'b']


def test_small_messages_do_not_count(flow):
    for _ in range(10000):
        flow.sent(ops.ACK_BYTES - 1)
    done = []
    flow.when_room(lambda: done.append(1))
    assert done
    with pytest.raises(WindowError):
        flow.acknowledged(1)


def test_all_go_on_when_the_link_is_gone(flow):
    fill(flow)
    done = []
    flow.when_room(lambda: done.append(1))
    assert done == []
    flow.close()
    flow.when_room(lambda: done.append(2))
    assert done == [1, 2]


def test_it_is_busy_until_all_was_acknowledged(flow):
    assert not flow.is_busy()
    flow.sent(64 * 1024)
    assert flow.is_busy()
    flow.acknowledged(64 * 1024)
    assert not flow.is_busy()


def test_how_long_nothing_was_acknowledged(flow):
    clock = flow._clock
    clock.now = 50
    assert flow.stalled_s() == 0
    total = fill(flow)
    clock.now += 7
    assert flow.stalled_s() == 7
    flow.acknowledged(total // 2)
    clock.now += 3
    assert flow.stalled_s() == 3
    flow.acknowledged(total)
    clock.now += 100
    assert flow.stalled_s() == 0
    flow.sent(64 * 1024)  # after a rest
    assert flow.stalled_s() == 0
