"""The pool: its services, its threads, its end."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.core.wire.errors import CallError, ChannelError
from svcfw.service import NO_REPLY, AllowAny, Pool, PoolError, Service, expose
from tests.support.routers import LONG
from tests.support.timing import wait_until
from tests.unit.service.services import Echo, Family, Gated, Once, Parents, Serial, all_of, gated

Host = Callable[..., Pool]


class Stopper(Service):
    pool: Pool
    shutdowns = 0

    @expose(policy=AllowAny())
    def stop(self, times: int) -> str:
        for _ in range(times):
            self.pool.stop()
        return 'stopped'

    def on_shutdown(self) -> None:
        type(self).shutdowns += 1
        raise RuntimeError('even if this fails')


class Later(Service):
    @expose(policy=AllowAny())
    def never(self, msg: Message) -> Any:
        self.kept = msg
        return NO_REPLY


def pool_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith('svcfw-pool')]


class TestServices:
    def test_a_second_pool(self, host: Host, family: Family) -> None:
        pool = host(Echo)
        with pytest.raises(PoolError, match='master has a pool already'):
            Pool(family.master.router)
        assert len(pool_threads()) == 4
        pool.stop()

    def test_after_the_first_has_ended(self, host: Host, caller: Context) -> None:
        """A pool that was stopped is not handed out again."""
        host(Echo).stop()
        with pytest.raises(ChannelError, match='the pool was stopped'):
            caller.call_service(Echo, 'echo', value=1)
        host(Echo)
        assert caller.call_service(Echo, 'echo', value=2) == 2

    def test_double_names(self, host: Host, family: Family) -> None:
        pool = host(Echo)
        with pytest.raises(PoolError, match=f'there is a service {Echo.name()} already'):
            pool.add(Echo(family.master.router))

    def test_a_pool_that_cannot_be_made_leaves_nothing(self, family: Family, host: Host, caller: Context) -> None:
        router = family.master.router
        with pytest.raises(PoolError, match='already'):
            Pool(router, [Echo(router), Echo(router)])
        with pytest.raises(PoolError, match='at least one thread'):
            Pool(router, size=0)
        wait_until(lambda: not pool_threads(), LONG, 'its threads end')
        host(Echo)
        assert caller.call_service(Echo, 'echo', value=1) == 1

    def test_add_later(self, host: Host, family: Family, caller: Context) -> None:
        pool = host()
        pool.add(Echo(family.master.router))
        assert caller.call_service(Echo, 'echo', value=1) == 1

    def test_get_service(self, host: Host) -> None:
        pool = host(Echo)
        service = pool.get_service(Echo)
        assert type(service) is Echo
        assert pool.get_service(Echo.name()) is pool.get_service(Echo.name().encode()) is service

    def test_defer(self, host: Host, family: Family) -> None:
        pool = host(size=1)
        ran: list[Any] = []
        done = threading.Event()
        pool.defer(lambda: 1 / 0)
        pool.defer(
            lambda *args, **kwargs: (ran.append((args, kwargs, threading.current_thread().name)), done.set()), 1, a=2
        )
        assert done.wait(LONG)
        assert ran == [((1,), {'a': 2}, 'svcfw-pool-0')]
        assert 'ZeroDivisionError' in family.master.logged[-1][1]

    def test_use_after_the_end(self, host: Host, family: Family, caller: Context) -> None:
        for end in (Pool.close, Pool.stop):
            pool = host(Echo)
            end(pool)
            pool.join()
            for use in (
                lambda pool=pool: pool.add(Parents(family.master.router)),
                lambda pool=pool: pool.get_service(Echo),
                lambda pool=pool: pool.defer(print),
            ):
                with pytest.raises(PoolError, match='the pool was stopped'):
                    use()

    def test_a_fixed_number_of_threads(self, host: Host, caller: Context) -> None:
        pool = host(Echo, Gated, size=3)
        assert len(pool_threads()) == 3
        all_of([caller.call_service_async(Echo, 'echo', value=i) for i in range(100)])
        assert len(pool_threads()) == 3
        pool.stop()
        assert not pool_threads()


class TestFairness:
    @pytest.mark.parametrize('size', [2, 3, 16])
    def test_a_slow_service_starves_no_other(self, host: Host, caller: Context, size: int) -> None:
        service = gated(host(Gated, Echo, size=size), Gated)
        slow = [caller.call_service_async(Gated, 'run', value=i) for i in range(2 * size)]
        service.until_begun(size - 1)
        for i in range(10):
            assert caller.call_service(Echo, 'echo', value=i) == i
        service.let()
        assert all_of(slow) == list(range(2 * size))

    def test_nor_do_deferred_functions(self, host: Host, caller: Context) -> None:
        pool = host(Gated, Echo, size=3)
        free = threading.Event()
        for _ in range(6):
            pool.defer(free.wait, LONG)
        assert caller.call_service(Echo, 'echo', value=1) == 1
        free.set()

    def test_nor_a_service_one_that_is_made_later(self, host: Host, family: Family) -> None:
        """In a child, whose parents may ask for more, the first service leaves a thread as well."""
        service = gated(host(Gated, at=family.child, size=3), Gated)
        above = family.master.router.context(1)
        slow = [above.call_service_async(Gated, 'run', value=i) for i in range(6)]
        service.until_begun(2)
        assert above.call_service(Echo, 'echo', value=1) == 1
        service.let()
        assert all_of(slow) == list(range(6))


class TestStop:
    @pytest.mark.parametrize('kind', [Gated, Serial, Once])
    def test_all_callers_are_told_at_once(self, host: Host, caller: Context, kind: type[Gated]) -> None:
        pool = host(kind, size=2)
        service = gated(pool, kind)
        replies = [caller.call_service_async(kind, 'run', value=i) for i in range(5)]
        replies += [caller.call_service_async(kind, 'run', value=0) for _ in range(2)]
        service.until_begun(1)
        pool.stop(join=False)
        for reply in replies:
            with pytest.raises(ChannelError, match='the pool was stopped'):
                reply.get(LONG)
        assert service.shutdowns == 1
        service.poke()
        pool.join()
        assert not pool_threads()
        assert service.shutdowns == 1

    def test_so_are_those_whose_answer_was_to_come_later(self, host: Host, caller: Context) -> None:
        pool = host(Later)
        service: Any = pool.get_service(Later)
        reply = caller.call_service_async(Later, 'never')
        wait_until(lambda: hasattr(service, 'kept'), LONG, 'it was called')
        pool.stop()
        with pytest.raises(ChannelError, match='the pool was stopped'):
            reply.get(LONG)
        service.kept.reply('too late')

    def test_from_a_thread_of_the_pool_and_twice(self, host: Host, caller: Context, family: Family) -> None:
        Stopper.shutdowns = 0
        pool = host(Stopper)
        Stopper.pool = pool
        replies = [caller.call_service_async(Stopper, 'stop', times=2) for _ in range(3)]
        for reply in replies:
            with pytest.raises(ChannelError, match='the pool was stopped'):
                reply.get(LONG)
        pool.stop()
        pool.join()
        assert not pool_threads()
        assert Stopper.shutdowns == 1
        assert any('even if this fails' in text for _, text in family.master.logged)

    def test_by_many_at_once(self, host: Host) -> None:
        pool = host(Gated)
        service = gated(pool, Gated)
        threads = [threading.Thread(target=pool.stop) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
        assert service.shutdowns == 1
        assert not pool_threads()

    def test_as_a_context_manager(self, family: Family, caller: Context) -> None:
        with Pool(family.master.router, [Echo(family.master.router)], size=2):
            assert caller.call_service(Echo, 'echo', value=1) == 1
        assert not pool_threads()

    def test_with_the_router(self, host: Host, family: Family, caller: Context) -> None:
        service = gated(host(Gated), Gated)
        reply = caller.call_service_async(Gated, 'run', value=1)
        service.until_begun(1)
        family.master.router.shutdown('the program ends')
        with pytest.raises(ChannelError):
            reply.get(LONG)
        assert service.shutdowns == 1
        service.poke()
        wait_until(lambda: not pool_threads(), LONG, 'the threads end')

    def test_calls_that_race_with_it_are_all_answered(self, host: Host, family: Family) -> None:
        for _ in range(20):
            pool = host(Echo, size=2)
            replies = []
            callers = [family.master_from(family.child), family.master_from(family.sibling)]
            stopping = threading.Thread(target=pool.stop)
            for i in range(100):
                replies += [context.call_service_async(Echo, 'echo', value=i) for context in callers]
                if i == 50:
                    stopping.start()
            for reply in replies:
                try:
                    reply.get(LONG)
                except ChannelError:
                    pass
            stopping.join(LONG)


class TestClose:
    def test_what_waits_is_carried_out(self, host: Host, caller: Context, family: Family) -> None:
        pool = host(Serial, size=2)
        service = gated(pool, Serial)
        replies = [caller.call_service_async(Serial, 'run', value=i) for i in range(5)]
        service.until_begun(1)
        wait_until(lambda: len(service.invoker.waiting) == 4, LONG, 'all are there')
        pool.close()
        pool.close()
        with pytest.raises(ChannelError, match='the pool was closed'):
            caller.call_service(Serial, 'run', value=9)
        assert service.shutdowns == 0
        service.let()
        pool.join()
        assert all_of(replies) == list(range(5))
        assert service.shutdowns == 1
        assert not pool_threads()

    def test_an_idle_pool_ends_at_once(self, host: Host) -> None:
        pool = host(Gated)
        service = gated(pool, Gated)
        pool.close()
        pool.join()
        assert service.shutdowns == 1
        assert not pool_threads()

    def test_stop_cuts_it_short(self, host: Host, caller: Context) -> None:
        pool = host(Gated)
        service = gated(pool, Gated)
        reply = caller.call_service_async(Gated, 'run', value=1)
        service.until_begun(1)
        pool.close()
        pool.stop(join=False)
        with pytest.raises(ChannelError, match='the pool was stopped'):
            reply.get(LONG)
        service.poke()
        pool.join()


def test_nothing_is_lost_between_many_callers(host: Host, family: Family) -> None:
    host(Echo, Parents, size=8)
    outcome: list[Any] = []

    def run(served: Any) -> None:
        context = family.master_from(served)
        outcome.append([context.call_service(Echo, 'echo', value=i) for i in range(200)])
        with pytest.raises(CallError):
            context.call_service(Parents, 'echo', value=1)

    threads = [
        threading.Thread(target=run, args=(served,))
        for served in (family.child, family.sibling, family.grandchild)
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert outcome == [list(range(200))] * 9
