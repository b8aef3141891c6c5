"""What threads sleep on, and functions for a time."""

import threading

from svcfw.core.loop import Loop
from svcfw.core.waiter import Timer, Waiter
from tests.support.timing import seconds, wait_until


def test_one_that_is_set_waits_no_more() -> None:
    loop = Loop(print)
    waiter = Waiter(loop)
    assert not loop.wait(waiter, loop.clock())
    waiter.set()
    waiter.set()
    assert waiter.ready
    assert loop.wait(waiter, loop.clock())
    loop.close()


def test_it_is_set_by_another_thread() -> None:
    loop = Loop(print)
    waiter = Waiter(loop)
    woken = threading.Event()

    def wait() -> None:
        loop.wait(waiter)
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    waiter.set()
    wait_until(woken.is_set, seconds(20), 'it is woken')
    thread.join()
    loop.close()


def test_timers_are_in_the_order_of_their_times() -> None:
    later, sooner = Timer(2.0, print), Timer(1.0, print)
    assert sooner < later
    assert min(later, sooner) is sooner


def test_a_cancelled_one_calls_nothing() -> None:
    loop = Loop(print)
    called: list[int] = []
    waiter = Waiter(loop)
    loop.call_later(0, lambda: called.append(1)).cancel()
    loop.call_later(0.001, waiter.set)
    assert loop.wait(waiter, loop.clock() + seconds(20))
    assert called == []
    loop.close()
