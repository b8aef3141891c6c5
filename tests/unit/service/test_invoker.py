"""Invoker and SerializedInvoker."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from svcfw.core.context import Context
from svcfw.core.wire.errors import CallError, ChannelError, TimeoutError
from svcfw.service import AllowAny, Pool, SerializedInvoker, Service, call, expose
from tests.support.routers import LONG
from tests.support.timing import wait_until
from tests.unit.service.services import Echo, Family, Gated, Serial, all_of, gated, refusal

Host = Callable[..., Pool]


class Limited(Gated):
    max_running = 2
    max_waiting = 3


class Refusing(Serial):
    max_waiting = 1


class Failing(Service):
    invoker_class = SerializedInvoker

    @expose(policy=AllowAny())
    def fail(self, n: int) -> None:
        raise ValueError(f'the reason {n}') from KeyError(n)


class TestInvoker:
    def test_calls_run_at_the_same_time(self, host: Host, caller: Context) -> None:
        service = gated(host(Gated, size=4), Gated)
        replies = [caller.call_service_async(Gated, 'run', value=i) for i in range(4)]
        service.until_begun(4)
        service.let()
        assert all_of(replies) == [0, 1, 2, 3]
        assert len(service.threads) == 4

    def test_no_more_than_max_running_of_them(self, host: Host, caller: Context) -> None:
        pool = host(Limited)
        service = gated(pool, Limited)
        replies = [caller.call_service_async(Limited, 'run', value=i) for i in range(2)]
        service.until_begun(2)
        replies += [caller.call_service_async(Limited, 'run', value=i) for i in range(2, 5)]
        assert 'queue full, 3 calls are waiting' in refusal(lambda: caller.call_service(Limited, 'run', value=5))
        stats = pool.stats()[Limited.name()]['run']
        assert (stats['running'], stats['waiting'], stats['calls']) == (2, 3, 0)
        service.let()
        assert all_of(replies) == [0, 1, 2, 3, 4]

    def test_stats(self, host: Host, caller: Context) -> None:
        pool = host(Echo)
        for i in range(3):
            caller.call_service(Echo, 'echo', value=i)
        with pytest.raises(CallError):
            caller.call_service(Echo, 'fail', text='x')
        refusal(lambda: caller.call_service(Echo, 'echo', nothing=1))
        stats = pool.stats()[Echo.name()]
        assert (stats['echo']['calls'], stats['echo']['failures']) == (4, 1)
        assert (stats['fail']['calls'], stats['fail']['failures']) == (1, 1)
        assert 0 < stats['echo']['seconds'] < LONG
        assert stats['echo']['waiting'] == stats['echo']['running'] == 0


class TestSerialized:
    def test_one_at_a_time_in_the_order_of_arrival(self, host: Host, caller: Context) -> None:
        service = gated(host(Serial, size=4), Serial)
        replies = [caller.call_service_async(Serial, 'run', value=i) for i in range(50)]
        service.until_begun(1)
        service.let(*range(49, 0, -1))
        assert service.begun == [0]
        service.let(0)
        assert all_of(replies) == list(range(50))
        assert service.begun == service.ended == list(range(50))

    def test_callers_race_and_each_keeps_its_own_order(self, host: Host, family: Family) -> None:
        service = gated(host(Serial, size=4), Serial)
        service.let()
        replies = [
            family.master_from(served).call_service_async(Serial, 'run', value=(name, i))
            for i in range(100)
            for name, served in (('child', family.child), ('sibling', family.sibling), ('far', family.grandchild))
        ]
        all_of(replies)
        for name in ('child', 'sibling', 'far'):
            assert [i for who, i in service.begun if who == name] == list(range(100))

    def test_it_borrows_one_thread(self, host: Host, caller: Context) -> None:
        pool = host(Serial, Echo, size=2)
        service = gated(pool, Serial)
        replies = [caller.call_service_async(Serial, 'run', value=i) for i in range(10)]
        service.until_begun(1)
        assert caller.call_service(Echo, 'echo', value='free') == 'free'
        service.let()
        assert all_of(replies) == list(range(10))

    def test_what_a_method_raises_reaches_its_own_caller(self, host: Host, caller: Context) -> None:
        host(Failing)
        replies = [caller.call_service_async(Failing, 'fail', n=n) for n in range(10)]
        for n, reply in enumerate(replies):
            with pytest.raises(CallError) as raised:
                reply.get(LONG)
            assert (raised.value.typename, raised.value.message) == ('ValueError', f'the reason {n}')
            assert f'KeyError: {n}' in raised.value.traceback

    def test_too_many_are_refused(self, host: Host, caller: Context) -> None:
        service = gated(host(Refusing), Refusing)
        first = caller.call_service_async(Refusing, 'run', value=0)
        service.until_begun(1)
        second = caller.call_service_async(Refusing, 'run', value=1)
        assert 'queue full, 1 calls are waiting' in refusal(lambda: caller.call_service(Refusing, 'run', value=2))
        service.let()
        assert all_of([first, second]) == [0, 1]


@pytest.mark.parametrize('kind', [Gated, Serial])
class TestGivingUp:
    def test_a_running_method_sees_it(self, host: Host, caller: Context, kind: type[Gated], family: Family) -> None:
        service = gated(host(kind), kind)
        reply = caller.call_service_async(kind, 'run', value=0)
        service.until_begun(1)
        reply.cancel()
        with pytest.raises(ChannelError, match='cancelled'):
            reply.get(LONG)
        family.child.settle()
        caller.call_service_async('no', 'service')  # the cancellation is there before this
        until_cancelled(service)

    def test_one_that_waits_is_not_begun(self, host: Host, caller: Context, kind: type[Gated]) -> None:
        service = gated(host(kind, size=1), kind)
        first = caller.call_service_async(kind, 'run', value=0)
        service.until_begun(1)
        second = caller.call_service_async(kind, 'run', value=1)
        second.cancel()
        third = caller.call_service_async(kind, 'run', value=2)
        wait_until(lambda: len(service.invoker.waiting) == 2, LONG, 'all are there')
        service.let()
        assert all_of([first, third]) == [0, 2]
        assert service.begun == [0, 2]

    def test_a_deadline_does_both(self, host: Host, caller: Context, kind: type[Gated]) -> None:
        service = gated(host(kind, size=1), kind)
        outcome: list[Any] = []

        def run(value: int) -> None:
            try:
                call(caller, kind, 'run', timeout=0.05, value=value)
            except TimeoutError as e:
                outcome.append(e)

        threads = [threading.Thread(target=run, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
        assert len(outcome) == 2
        until_cancelled(service)
        service.let()
        assert caller.call_service(kind, 'run', value=9) == 9
        assert len(service.begun) == 2  # the first, and the last

    def test_a_lost_caller(self, host: Host, family: Family, kind: type[Gated]) -> None:
        """What waits for a context that is gone is not begun."""
        service = gated(host(kind, size=1), kind)
        pool, master = service.invoker, family.master
        first = family.master_from(family.sibling).call_service_async(kind, 'run', value=0)
        service.until_begun(1)
        family.master_from(family.child).call_service_async(kind, 'run', value=1)
        wait_until(lambda: pool.waiting, LONG, 'the second call is there')
        gone = threading.Event()
        master.router.on_gone(master.router.context(1), lambda reason: gone.set())
        family.child.do(lambda: family.child.router.link_for(0).close('the child is lost'))
        assert gone.wait(LONG)
        service.let()
        assert first.get(LONG) == 0
        assert family.master_from(family.sibling).call_service(kind, 'run', value=2) == 2
        assert service.begun == [0, 2]

    def test_a_running_method_sees_that_its_caller_is_lost(
        self, host: Host, family: Family, caller: Context, kind: type[Gated]
    ) -> None:
        service = gated(host(kind, size=1), kind)
        caller.call_service_async(kind, 'run', value=0)
        service.until_begun(1)
        family.child.do(lambda: family.child.router.link_for(0).close('the child is lost'))
        until_cancelled(service)


def until_cancelled(service: Gated) -> None:
    """Return when the running method has seen that nobody waits."""
    for _ in range(int(LONG * 100)):
        service.poke()
        with service.changed:
            if service.changed.wait_for(lambda: bool(service.ended), 0.01):
                return
    raise AssertionError('the method did not see it')
