"""A pace fills a path and leaves its queues short: simulated paths, since real ones are never twice the same."""

import heapq

import pytest

from svcfw.core.wire import pace as module
from svcfw.core.wire.errors import WindowError
from svcfw.core.wire.pace import MAX_BYTES, MIN_CHUNK_BYTES, TARGET_S, Pace

MBIT = 125000


class Path:
    """A link of so many bytes a second, with a queue before it, and so many seconds there and back.

    busy_s: for so long in each second the receiver's machine is busy with something else.
    """

    def __init__(self, rate, round_trip_s, pace=None, busy_s=0.0):
        self.pace = pace or Pace()
        self.now = 0.0
        self.queues = []  # (time, seconds that a message sent now would wait)
        self.sent = {}
        self._wanted = {}
        self._rate = rate
        self._round_trip_s = round_trip_s
        self._busy_s = busy_s
        self._free_at = 0.0
        self._arrivals = []

    def send_all(self, flow, total):
        self.sent[flow] = 0
        self._wanted[flow] = total

    def run(self, until=None):
        """Until all has been acknowledged, or for so long; returns how long it took."""
        while True:
            self._fill()
            self.queues.append((self.now, max(0.0, self._free_at - self.now)))
            if not self._arrivals or (until is not None and self.now > until):
                return self.now
            self.now, _, flow, total = heapq.heappop(self._arrivals)
            flow.acknowledged(self.now, total)

    def _fill(self):
        progress = True
        while progress:
            progress = False
            for flow, total in self._wanted.items():
                n = min(flow.chunk_bytes(), total - self.sent[flow])
                if n > 0:
                    flow.sent(self.now, n)
                    self.sent[flow] += n
                    self._free_at = max(self._free_at, self.now) + n / self._rate
                    arrival = self._free_at + self._round_trip_s + 0.0002
                    arrival = max(arrival, int(arrival) + self._busy_s)
                    heapq.heappush(self._arrivals, (arrival, id(flow), flow, self.sent[flow]))
                    progress = True


@pytest.mark.parametrize(
    ('rate', 'round_trip_s', 'total'),
    [
        (1000 * MBIT, 0.1, 1 << 30),
        (100 * MBIT, 0.05, 1 << 29),
        (100 * MBIT, 0.001, 1 << 28),
        (10 * MBIT, 0.2, 1 << 25),
        (8000 * MBIT, 0.0003, 1 << 30),
    ],
)
def test_a_path_is_full_and_its_queue_short(rate, round_trip_s, total):
    path = Path(rate, round_trip_s)
    path.send_all(path.pace.flow(), total)
    took = path.run()
    assert total / rate / took > 0.93
    settled = [queued for at, queued in path.queues if at > 1]
    assert max(settled, default=0) < round_trip_s + 2 * TARGET_S


@pytest.mark.parametrize('round_trip_s', [0.001, 0.05])
def test_a_machine_that_is_busy_now_and_then_is_no_slow_path(round_trip_s):
    path = Path(100 * MBIT, round_trip_s, busy_s=0.2)
    path.send_all(path.pace.flow(), 1 << 28)
    assert (1 << 28) / (100 * MBIT) / path.run() > 0.7


def test_two_transfers_share_a_path():
    path = Path(100 * MBIT, 0.02)
    first, second = path.pace.flow(), path.pace.flow()
    path.send_all(first, 1 << 40)
    path.run(until=2)
    path.send_all(second, 1 << 40)
    before = path.sent[first]
    path.run(until=12)
    assert 0.8 < path.sent[second] / (path.sent[first] - before) < 1.25


def test_a_path_that_has_become_longer_is_measured_afresh():
    path = Path(100 * MBIT, 0.005)
    flow = path.pace.flow()
    path.send_all(flow, 1 << 40)
    path.run(until=3)
    path._round_trip_s = 0.1
    path.run(until=30)
    before, at = path.sent[flow], path.now
    path.run(until=40)
    assert (path.sent[flow] - before) / (path.now - at) > 0.85 * 100 * MBIT


def test_the_window_has_bounds():
    pace = Pace()
    flow = pace.flow()
    now = 0.0
    for total in range(1 << 20, 1 << 31, 1 << 20):
        now += 1e-6
        flow.sent(now, 1 << 20)
        flow.chunk_bytes()
        flow.acknowledged(now, total)
    assert pace.window <= MAX_BYTES
    for total in range((1 << 31) - (1 << 20), 1 << 32, 1 << 26):
        now += 1
        n = total - flow.total_acknowledged
        flow.sent(now, n)
        now += 1
        flow.acknowledged(now, total)
    assert pace.window >= module.MIN_BYTES
    assert flow.chunk_bytes() >= MIN_CHUNK_BYTES


def test_acknowledging_what_was_not_sent_is_an_error():
    flow = Pace().flow()
    flow.sent(0.0, 100)
    with pytest.raises(WindowError):
        flow.acknowledged(1.0, 101)
    flow.acknowledged(1.0, 60)
    with pytest.raises(WindowError):
        flow.acknowledged(2.0, 59)


def test_a_transfer_that_ends_gives_its_share_back():
    pace = Pace()
    lost, flow = pace.flow(), pace.flow()
    fill(lost)
    lost.close()
    lost.close()
    assert fill(flow) == pytest.approx(pace.window, abs=pace.window // 4)


def fill(flow):
    n = flow.chunk_bytes()
    while n:
        flow.sent(0.0, n)
        n = flow.chunk_bytes()
    return flow.under_way
