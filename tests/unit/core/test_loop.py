"""The loop: one thread drives, the others follow, and no wake-up is lost."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from svcfw.core.loop import Loop
from svcfw.core.waiter import Waiter
from svcfw.core.wire.errors import ChannelError
from tests.support.loops import Clock
from tests.support.routers import LONG


@pytest.fixture
def errors() -> list[Exception]:
    return []


@pytest.fixture
def loop(errors: list[Exception]) -> Iterator[Loop]:
    loop = Loop(errors.append)
    yield loop
    loop.close()


def in_thread(function: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Run in a thread; the list gets its value, or what it raised."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(function())
        except BaseException as exc:
            outcome.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, outcome


def until_waiting(loop: Loop, drivers: int = 1, followers: int = 0) -> None:
    """Return when so many threads drive and follow."""
    ended = threading.Event()
    for _ in range(int(LONG * 1000)):
        if (loop._driver is not None) == bool(drivers) and len(loop._followers) == followers and (
            not drivers or loop._polling
        ):  # fmt: skip
            return
        ended.wait(0.001)
    raise AssertionError(f'{loop._driver=} {len(loop._followers)=}')


@contextmanager
def held(loop: Loop) -> Iterator[None]:
    """The standby drives, and is in the middle of a turn: at its end it would flush what lingers."""
    loop.ensure_standby()
    is_held, may_go = threading.Event(), threading.Event()
    loop.call_soon(lambda: (is_held.set(), may_go.wait(LONG)))
    assert is_held.wait(LONG)
    try:
        yield
    finally:
        may_go.set()


def until(loop: Loop, seconds: float = LONG) -> float:
    return loop.clock() + seconds


def test_the_waiting_thread_runs_what_was_called_soon(loop: Loop) -> None:
    waiter = Waiter(loop)
    threads: list[int] = []
    loop.call_soon(lambda: threads.append(threading.get_ident()))
    loop.call_soon(waiter.set)
    assert loop.wait(waiter, until(loop))
    assert threads == [threading.get_ident()]


def test_a_set_waiter_needs_no_turn(loop: Loop) -> None:
    waiter = Waiter(loop)
    waiter.set()
    waiter.set()
    assert loop.wait(waiter, loop.clock() - 1)


def test_a_deadline_ends_the_wait_of_the_driver(loop: Loop) -> None:
    assert not loop.wait(Waiter(loop), loop.clock() + 0.001)


def test_a_deadline_ends_the_wait_of_a_follower(loop: Loop) -> None:
    over = Waiter(loop)
    thread, outcome = in_thread(lambda: loop.wait(over, until(loop)))
    until_waiting(loop)
    assert not loop.wait(Waiter(loop), loop.clock() + 0.001)
    over.set()
    thread.join(LONG)
    assert outcome == [True]


def test_timers_run_in_their_order_and_cancelled_ones_do_not(errors: list[Exception]) -> None:
    clock = Clock(100.0)
    loop = Loop(errors.append, clock)
    ran: list[str] = []
    waiter = Waiter(loop)
    loop.call_later(3, lambda: ran.append('third'))
    loop.call_later(1, lambda: ran.append('first'))
    loop.call_later(2, lambda: ran.append('cancelled')).cancel()
    loop.call_later(3.5, waiter.set)
    loop.call_later(9, lambda: ran.append('not yet'))
    clock.now += 4
    assert loop.wait(waiter, 200)
    assert ran == ['first', 'third']
    loop.close()


def test_a_timer_that_adds_one_due_at_once_does_not_take_the_loop(errors: list[Exception]) -> None:
    loop = Loop(errors.append, Clock(100.0))
    waiter = Waiter(loop)
    turns: list[int] = []

    def again() -> None:
        turns.append(1)
        loop.call_later(0, again)
        if len(turns) == 3:
            loop.call_soon(waiter.set)

    loop.call_later(0, again)
    assert loop.wait(waiter, 200)
    loop.close()


def test_an_earlier_timer_of_another_thread_wakes_the_driver(loop: Loop) -> None:
    waiter = Waiter(loop)
    thread, outcome = in_thread(lambda: loop.wait(waiter, until(loop)))
    until_waiting(loop)
    loop.call_later(0, waiter.set)
    thread.join(LONG)
    assert outcome == [True]


def test_a_failing_callback_is_reported_and_hurts_no_other(loop: Loop, errors: list[Exception]) -> None:
    waiter = Waiter(loop)
    loop.call_soon(lambda: [][0])
    loop.call_soon(waiter.set)
    assert loop.wait(waiter, until(loop))
    assert [type(error) for error in errors] == [IndexError]


def test_the_driver_hands_over_to_a_follower(loop: Loop) -> None:
    first, second = Waiter(loop), Waiter(loop)
    leader, _ = in_thread(lambda: loop.wait(first, until(loop)))
    until_waiting(loop)
    follower, outcome = in_thread(lambda: loop.wait(second, until(loop)))
    until_waiting(loop, followers=1)
    first.set()
    leader.join(LONG)
    until_waiting(loop)
    loop.call_soon(second.set)  # runs only if the follower drives now
    follower.join(LONG)
    assert outcome == [True]


def test_a_descriptor_wakes_whoever_drives(loop: Loop) -> None:
    r, w = os.pipe()
    waiter = Waiter(loop)
    loop.watch(r, lambda: (os.read(r, 1), waiter.set()))
    os.write(w, b'x')
    assert loop.wait(waiter, until(loop))
    os.close(w)
    ended = Waiter(loop)
    loop.watch(r, ended.set)
    assert loop.wait(ended, until(loop)), 'the end of a pipe is readable'
    loop.watch(r)
    os.close(r)


def test_many_threads_all_get_their_turn(loop: Loop) -> None:
    """Each of eight waits for hundreds of its own events, set from callbacks, from other threads and by time."""
    failures: list[object] = []

    def work(number: int) -> None:
        for i in range(300):
            waiter = Waiter(loop)
            if i % 3 == 0:
                loop.call_soon(waiter.set)
            elif i % 3 == 1:
                in_thread(waiter.set)
            else:
                loop.call_later(0, waiter.set)
            if not loop.wait(waiter, until(loop)):
                failures.append((number, i))

    threads = [in_thread(lambda number=number: work(number)) for number in range(8)]
    for thread, outcome in threads:
        thread.join(LONG)
        assert outcome == [None]
    assert not failures


def test_a_callback_may_wait_and_the_rest_of_its_turn_is_not_lost(loop: Loop, errors: list[Exception]) -> None:
    inner, outer = Waiter(loop), Waiter(loop)
    order: list[str] = []

    def waits() -> None:
        assert loop.wait(inner, until(loop))
        order.append('waited')

    loop.call_soon(waits)
    loop.call_soon(lambda: order.append('other'))
    loop.call_soon(inner.set)
    loop.call_soon(outer.set)
    assert loop.wait(outer, until(loop))
    assert order == ['other', 'waited']
    assert not errors


def test_a_timer_may_wait_for_a_later_timer(loop: Loop, errors: list[Exception]) -> None:
    inner, outer = Waiter(loop), Waiter(loop)
    now = loop.clock()
    loop.call_at(now, lambda: loop.wait(inner, until(loop)) and outer.set())
    loop.call_at(now, inner.set)
    assert loop.wait(outer, until(loop))
    assert not errors


def test_a_brief_follower_that_was_chosen_but_leaves_chooses_another(loop: Loop) -> None:
    class Sudden(Waiter):
        """Set just when it is chosen to drive."""

        __slots__ = ()

        def _sleep(self, *args: Any) -> None:
            Waiter._sleep(self, *args)
            self.ready = True

    first, third = Waiter(loop, brief=True), Waiter(loop)
    leader, _ = in_thread(lambda: loop.wait(first, until(loop)))
    until_waiting(loop)
    sudden, _ = in_thread(lambda: loop.wait(Sudden(loop, brief=True), until(loop)))
    until_waiting(loop, followers=1)
    follower, outcome = in_thread(lambda: loop.wait(third, until(loop)))
    until_waiting(loop, followers=2)
    first.set()
    leader.join(LONG)
    sudden.join(LONG)
    until_waiting(loop)
    loop.call_soon(third.set)
    follower.join(LONG)
    assert outcome == [True]


class TestStandby:
    def test_it_drives_when_nobody_does(self, loop: Loop) -> None:
        ran = threading.Event()
        loop.ensure_standby()
        loop.ensure_standby()
        loop.call_soon(ran.set)
        assert ran.wait(LONG)

    def test_it_gives_way_to_a_thread_that_waits(self, loop: Loop) -> None:
        loop.ensure_standby()
        until_waiting(loop)
        waiter = Waiter(loop)
        seen: list[int] = []
        loop.call_later(0.01, lambda: (seen.append(threading.get_ident()), waiter.set()))
        assert loop.wait(waiter, until(loop))
        assert seen == [threading.get_ident()]

    def test_it_takes_over_again(self, loop: Loop) -> None:
        loop.ensure_standby()
        for _ in range(3):
            assert not loop.wait(Waiter(loop), loop.clock() + 0.01)
            ran = threading.Event()
            loop.call_soon(ran.set)
            assert ran.wait(LONG)

    def test_it_takes_over_after_a_long_wait_of_another(self, loop: Loop) -> None:
        loop.ensure_standby()
        waiter = Waiter(loop)
        thread, _ = in_thread(lambda: loop.wait(waiter, until(loop)))
        parked = threading.Event()
        for _ in range(int(LONG * 1000)):
            if loop._standby_parked:
                break
            parked.wait(0.001)
        waiter.set()
        thread.join(LONG)
        ran = threading.Event()
        loop.call_soon(ran.set)
        assert ran.wait(LONG)


class TestLingering:
    """What threads that do not drive leave to be written together."""

    def test_it_ends_when_a_thread_begins_to_wait(self, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr('svcfw.core.loop.LINGER_S', LONG)
        with held(loop):
            called: list[int] = []
            assert loop.linger(lambda: called.append(threading.get_ident()))
            assert not called
            waiter = Waiter(loop)
            waiter.set()
            loop.wait(waiter)
            assert called == [threading.get_ident()]

    def test_it_ends_by_itself(self, loop: Loop) -> None:
        loop.ensure_standby()
        until_waiting(loop)
        for _ in range(3):
            called = threading.Event()
            assert loop.linger(called.set)
            assert called.wait(LONG)

    def test_it_ends_by_itself_where_nobody_drives_yet(self, loop: Loop) -> None:
        loop.ensure_standby()
        called = threading.Event()
        assert loop.linger(called.set)
        assert called.wait(LONG)

    def test_there_is_none_without_a_standby(self, loop: Loop) -> None:
        assert not loop.linger(lambda: None)

    def test_who_waits_leaves_it_to_the_others_that_were_woken(
        self, loop: Loop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr('svcfw.core.loop.LINGER_S', LONG)
        with held(loop):
            called: list[str] = []
            assert loop.linger(lambda: called.append('it'))
            loop.busy = 2
            for expected in ([], ['it']):
                waiter = Waiter(loop)
                waiter.set()
                loop.wait(waiter)
                assert called == expected

    def test_a_turn_counts_the_threads_that_it_wakes(self, loop: Loop) -> None:
        waiters = [Waiter(loop) for _ in range(3)]
        threads = [in_thread(lambda waiter=waiter: loop.wait(waiter, until(loop)))[0] for waiter in waiters]
        until_waiting(loop, followers=2)
        counts: list[int] = []
        loop.call_soon(lambda: ([waiter.set() for waiter in waiters], counts.append(loop.busy)))
        for thread in threads:
            thread.join(LONG)
        assert counts == [3]

    def test_a_failing_one_is_reported_and_hurts_no_other(self, loop: Loop, errors: list[Exception]) -> None:
        loop.ensure_standby()
        called = threading.Event()
        assert loop.linger(lambda: 1 // 0)
        assert loop.linger(called.set)
        assert called.wait(LONG)
        assert [type(error) for error in errors] == [ZeroDivisionError]


class TestSignals:
    def test_a_handler_may_call_the_loop_that_its_own_thread_polls(self, loop: Loop) -> None:
        waiter = Waiter(loop)
        before = signal.signal(signal.SIGUSR1, lambda number, frame: loop.call_soon(waiter.set))
        try:
            in_thread(lambda: (until_waiting(loop), os.kill(os.getpid(), signal.SIGUSR1)))
            assert loop.wait(waiter, until(loop))
        finally:
            signal.signal(signal.SIGUSR1, before)

    def test_a_handler_may_call_the_loop_whose_lock_its_thread_holds(self, loop: Loop) -> None:
        before = signal.signal(signal.SIGUSR1, lambda number, frame: loop.call_soon(lambda: None))
        try:
            with loop._lock:
                os.kill(os.getpid(), signal.SIGUSR1)
        finally:
            signal.signal(signal.SIGUSR1, before)

    def test_ctrl_c_in_a_follower_leaves_no_dead_follower(self, loop: Loop) -> None:
        class Interrupt(BaseException):
            pass

        def interrupt(number: int, frame: object) -> None:
            raise Interrupt

        first, third = Waiter(loop), Waiter(loop)
        leader, _ = in_thread(lambda: loop.wait(first, until(loop)))
        until_waiting(loop)
        before = signal.signal(signal.SIGUSR1, interrupt)
        try:
            in_thread(lambda: (until_waiting(loop, followers=1), os.kill(os.getpid(), signal.SIGUSR1)))
            with pytest.raises(Interrupt):
                loop.wait(Waiter(loop), until(loop))
        finally:
            signal.signal(signal.SIGUSR1, before)
        follower, outcome = in_thread(lambda: loop.wait(third, until(loop)))
        until_waiting(loop, followers=1)
        first.set()
        leader.join(LONG)
        until_waiting(loop)
        loop.call_soon(third.set)
        follower.join(LONG)
        assert outcome == [True]

    def test_ctrl_c_in_a_callback_leaves_the_other_flushes_for_the_next_driver(self, loop: Loop) -> None:
        flushed: list[str] = []

        def interrupted() -> None:
            raise KeyboardInterrupt

        loop.call_soon(lambda: (loop.flush_later(interrupted), loop.flush_later(lambda: flushed.append('second'))))
        with pytest.raises(KeyboardInterrupt):
            loop.wait(Waiter(loop), until(loop))
        waiter = Waiter(loop)
        loop.call_soon(waiter.set)
        assert loop.wait(waiter, until(loop))
        assert flushed == ['second']


class TestClose:
    def test_it_wakes_who_drives_and_who_follows(self, loop: Loop) -> None:
        leader, leaders = in_thread(lambda: loop.wait(Waiter(loop), until(loop)))
        until_waiting(loop)
        follower, followers = in_thread(lambda: loop.wait(Waiter(loop), until(loop)))
        until_waiting(loop, followers=1)
        loop.close()
        leader.join(LONG)
        follower.join(LONG)
        assert [type(x) for x in leaders + followers] == [ChannelError, ChannelError]

    def test_a_later_wait_ends_at_once(self, loop: Loop) -> None:
        loop.close()
        loop.close()
        with pytest.raises(ChannelError):
            loop.wait(Waiter(loop))

    def test_it_ends_the_standby_and_lets_go_of_the_descriptors(self, errors: list[Exception]) -> None:
        before = set(os.listdir('/proc/self/fd'))
        loop = Loop(errors.append)
        loop.ensure_standby()
        until_waiting(loop)
        loop.close()
        until_waiting(loop, drivers=0)
        assert set(os.listdir('/proc/self/fd')) == before
