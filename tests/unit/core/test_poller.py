import os

import pytest

from svcfw.core import poller
from svcfw.core.poller import CROWDED_S, MAX_QUICK, MIN_QUICK, QUICK_S, READ, SPIN_S, Poller

LOOK_S = CROWDED_S / 2
READY = [(5, READ)]


class Scene:
    """A poller whose kernel and clock the test plays: looks take LOOK_S, yields and blocking what is set."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        self.blocks_s = QUICK_S / 2
        self.yields_s = 0.0
        #: How many more looks find nothing.
        self.vain = 0
        self.looks = self.blocked = self.yields = 0
        monkeypatch.setattr(poller, '_yield', self._yield)
        self.poller = Poller(lambda: self.now)
        self.poller._poll = self._poll

    def _yield(self):
        self.yields += 1
        self.now += self.yields_s

    def _poll(self, timeout):
        if timeout:
            self.blocked += 1
            self.now += self.blocks_s
            return READY
        self.looks += 1
        self.now += LOOK_S
        self.vain -= 1
        return READY if self.vain < 0 else []

    def poll(self, times=1):
        self.looks = self.blocked = self.yields = 0
        for _ in range(times):
            assert self.poller.poll(60.0) == READY


@pytest.fixture
def scene(monkeypatch):
    return Scene(monkeypatch)


def test_it_blocks_as_long_as_nothing_came_quickly(scene):
    scene.blocks_s = QUICK_S * 2
    scene.poll(100)
    assert (scene.looks, scene.blocked) == (0, 100)


def test_it_looks_first_once_events_have_come_quickly_some_times_in_a_row(scene):
    scene.poll(MIN_QUICK)
    assert (scene.looks, scene.blocked) == (0, MIN_QUICK)
    scene.vain = 3
    scene.poll()
    assert (scene.looks, scene.yields, scene.blocked) == (4, 3, 0)


def test_a_slow_event_in_between_starts_the_count_again(scene):
    scene.poll(MIN_QUICK - 1)
    scene.blocks_s = QUICK_S * 2
    scene.poll()
    scene.blocks_s = 0.0
    scene.poll(MIN_QUICK)
    assert scene.looks == 0


def test_it_looks_no_longer_than_a_moment_and_then_twice_as_rarely(scene):
    scene.poll()
    for doublings in range(10):
        # One was quick already: what it blocked for in the end.
        scene.poll(min(MIN_QUICK * 2**doublings, MAX_QUICK) - 1)
        assert scene.looks == 0
        scene.vain = 1000
        scene.poll()
        assert SPIN_S / LOOK_S - 1 <= scene.looks <= SPIN_S / LOOK_S + 1
        assert scene.blocked == 1


def test_looks_that_find_something_make_it_look_again_sooner(scene):
    scene.poll(MIN_QUICK)
    scene.vain = 1000
    scene.poll()
    scene.poll(2 * MIN_QUICK - 1)
    scene.vain = 0
    scene.poll(5)
    assert (scene.looks, scene.blocked) == (5, 0)
    scene.vain = 1000
    scene.poll()
    scene.vain = 0
    scene.poll(2 * MIN_QUICK - 1)
    assert scene.looks == 0
    scene.poll()
    assert scene.looks == 1


def test_where_others_need_the_core_it_looks_once_more_and_blocks(scene):
    scene.poll(MIN_QUICK)
    scene.vain, scene.yields_s = 1000, CROWDED_S
    scene.poll()
    assert (scene.looks, scene.yields, scene.blocked) == (2, 1, 1)


def test_what_others_did_with_the_core_may_be_what_it_waits_for(scene):
    scene.poll(MIN_QUICK)
    scene.vain, scene.yields_s = 1, CROWDED_S
    scene.poll()
    assert (scene.looks, scene.yields, scene.blocked) == (2, 1, 0)


def test_without_time_it_neither_blocks_nor_looks_twice(scene):
    scene.vain = 1000
    assert scene.poller.poll(0) == []
    assert scene.poller.poll(-1.0) == []
    assert (scene.looks, scene.blocked, scene.yields) == (2, 0, 0)


def test_it_waits_for_real_descriptors():
    read_fd, write_fd = os.pipe()
    made = Poller(lambda: 0.0)
    made.register(read_fd, READ)
    try:
        assert made.poll(0) == []
        os.write(write_fd, b'x')
        for _ in range(MIN_QUICK + 1):
            assert made.poll(60.0) == [(read_fd, READ)]
        made.unregister(read_fd)
        assert made.poll(0) == []
    finally:
        made.close()
        os.close(read_fd)
        os.close(write_fd)
