"""Latch: every item to one waiter, every waiter woken in the end."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from svcfw.core.latch import Latch
from svcfw.core.loop import Loop
from svcfw.core.wire.errors import ChannelError, TimeoutError
from tests.support.routers import LONG


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop(lambda error: None)
    yield loop
    loop.close()


@pytest.fixture
def latch(loop: Loop) -> Latch:
    return Latch(loop)


def test_items_come_in_their_order(latch: Latch) -> None:
    assert latch.empty()
    latch.put(1)
    latch.put()
    assert len(latch) == 2
    assert [latch.get(0), latch.get(0)] == [1, None]
    assert latch.empty()


def test_a_timeout(latch: Latch) -> None:
    for timeout in (0, -1, 0.001):
        with pytest.raises(TimeoutError, match=r'Latch .*: nothing arrived within'):
            latch.get(timeout)
    latch.put('later')
    assert latch.get(0) == 'later'


def test_an_endless_timeout_is_one(latch: Latch) -> None:
    """Also for one that sleeps while another drives."""
    other = Latch(latch._loop)
    driver = threading.Thread(target=lambda: other.get(LONG), daemon=True)
    driver.start()
    while latch._loop._driver is None:
        driver.join(0.001)
    putter = threading.Timer(0.01, latch.put, args=('x',))
    putter.start()
    assert latch.get(float('inf')) == 'x'
    other.put()
    driver.join(LONG)
    putter.join(LONG)


def test_a_closed_latch_gives_what_it_has_then_the_reason(latch: Latch) -> None:
    latch.put('last')
    assert latch.closed is None
    latch.close('over')
    latch.close('again')
    assert latch.closed == 'over'
    assert latch.get() == 'last'
    with pytest.raises(ChannelError, match='over'):
        latch.get()
    with pytest.raises(ChannelError, match='over'):
        latch.put('too late')


def test_many_getters_share_many_items(latch: Latch) -> None:
    got: list[Any] = []

    def work() -> None:
        try:
            while True:
                got.append(latch.get(LONG))
        except ChannelError:
            pass

    threads = [threading.Thread(target=work, daemon=True) for _ in range(8)]
    putters = [
        threading.Thread(target=lambda base=base: [latch.put(base + i) for i in range(250)], daemon=True)
        for base in range(0, 1000, 250)
    ]
    for thread in threads + putters:
        thread.start()
    for thread in putters:
        thread.join(LONG)
    latch.close()
    for thread in threads:
        thread.join(LONG)
        assert not thread.is_alive()
    assert sorted(got) == list(range(1000))


def test_a_waiter_that_was_chosen_but_interrupted_hands_its_turn_on(loop: Loop, monkeypatch: Any) -> None:
    """Two wait; the one that an item wakes is interrupted before it takes it."""
    latch = Latch(loop)
    real_wait = loop.wait
    got: list[Any] = []

    def interrupted(waiter: Any, deadline: Any = None) -> bool:
        second = threading.Thread(target=lambda: got.append(latch.get(LONG)), daemon=True)
        with monkeypatch.context() as patch:
            patch.setattr(loop, 'wait', real_wait)
            second.start()
            while len(latch._waiters) < 2:
                second.join(0.001)
            latch.put('item')
        threads.append(second)
        raise KeyboardInterrupt

    threads: list[threading.Thread] = []
    monkeypatch.setattr(loop, 'wait', interrupted)
    with pytest.raises(KeyboardInterrupt):
        latch.get()
    threads[0].join(LONG)
    assert got == ['item']


def test_the_hook_is_told_of_each_item_and_of_the_end(latch: Latch) -> None:
    told: list[Any] = []
    latch.notify = told.append
    latch.put(1)
    latch.put(2)
    latch.close()
    assert told == [latch] * 3


def test_a_callback_of_the_loop_may_wait(loop: Loop, latch: Latch) -> None:
    inner = Latch(loop)
    loop.call_soon(lambda: latch.put(inner.get(LONG)))
    loop.call_soon(lambda: inner.put('through'))
    assert latch.get(LONG) == 'through'


def test_the_end_of_the_loop_ends_the_wait(loop: Loop, latch: Latch) -> None:
    loop.call_soon(loop.close)
    with pytest.raises(ChannelError):
        latch.get(LONG)


class TestWithoutALoop:
    def test_items_come_in_their_order(self) -> None:
        latch = Latch()
        for item in (1, 2):
            latch.put(item)
        assert [latch.get(0), latch.get(0)] == [1, 2]
        for timeout in (0, -1, 0.001):
            with pytest.raises(TimeoutError):
                latch.get(timeout)

    def test_another_thread_wakes_those_who_wait(self) -> None:
        latch, got = Latch(), []
        threads = [threading.Thread(target=lambda: got.append(latch.get(LONG)), daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        while len(latch._waiters) < 3:
            threads[0].join(0.001)
        for item in range(3):
            latch.put(item)
        for thread in threads:
            thread.join(LONG)
        assert sorted(got) == [0, 1, 2]

    def test_its_end_wakes_them_too(self) -> None:
        latch = Latch()
        threading.Timer(0.01, latch.close, ['over']).start()
        with pytest.raises(ChannelError, match='over'):
            latch.get()


def test_the_latest_item_is_taken_back() -> None:
    latch: Latch[int] = Latch()
    latch.take_back()
    latch.put(1)
    latch.put(2)
    latch.take_back()
    assert latch.get(0) == 1
    assert latch.empty()
