"""The pool: its services, its threads, its end."""

import threading
import types
from collections.abc import Callable
from typing import Any

import pytest

from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.core.receivers.select import Select
from svcfw.core.wire.errors import CallError, ChannelError, Error, TimeoutError
from svcfw.service import (
    NO_REPLY,
    Activator,
    AllowAny,
    Invoker,
    Pool,
    PoolError,
    SerializedInvoker,
    Service,
    call,
    expose,
)
from tests.support.routers import LONG
from tests.support.timing import seconds, wait_until
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
        with pytest.raises(PoolError, match='master already has a pool'):
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
        with pytest.raises(PoolError, match=f'service name {Echo.name()} is already in use'):
            pool.add(Echo(family.master.router))

    def test_a_pool_that_cannot_be_made_leaves_nothing(self, family: Family, host: Host, caller: Context) -> None:
        router = family.master.router
        with pytest.raises(PoolError, match='already'):
            Pool(router, [Echo(router), Echo(router)])
        with pytest.raises(PoolError, match='pool size must be an int of at least 1'):
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


class TestWhatUsersGetWrong:
    """Code of the user runs under no lock; what it raises or returns wrongly ends the call or the activation, named."""

    @pytest.mark.parametrize('size', [1.5, '4', 0, -1, True, None])
    def test_the_size(self, family: Family, host: Host, size: Any) -> None:
        with pytest.raises(PoolError, match='pool size must be an int of at least 1'):
            Pool(family.master.router, size=size)
        assert family.master.router.services is None
        host(Echo)

    def test_threads_that_cannot_be_had(self, family: Family, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        start, left = threading.Thread.start, [2]

        def limited(thread: threading.Thread) -> None:
            if thread.name.startswith('svcfw-pool'):
                left[0] -= 1
                if left[0] < 0:
                    raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, 'start', limited)
        with pytest.raises(PoolError, match='master: cannot start 4 threads'):
            Pool(family.master.router, size=4)
        monkeypatch.undo()
        wait_until(lambda: not pool_threads(), LONG, 'the threads that were started have ended')
        host(Echo)

    @pytest.mark.parametrize(
        ('service', 'text'),
        [
            (Echo, r'write services=\[Echo\(router\)\]'),
            (object(), 'expected a Service'),
        ],
    )
    def test_what_is_no_service(self, host: Host, service: Any, text: str) -> None:
        with pytest.raises(PoolError, match=text):
            host().add(service)

    def test_a_forgotten_constructor(self, host: Host) -> None:
        class Forgetful(Service):
            def __init__(self) -> None:
                pass

        with pytest.raises(PoolError, match='does not call super'):
            host().add(Forgetful())

    @pytest.mark.parametrize('limit', ['2', 0, -1, 1.5, True])
    def test_a_limit_that_is_none(self, host: Host, family: Family, limit: Any) -> None:
        class Limited(Echo):
            max_running = limit

        pool = host()
        with pytest.raises(PoolError, match='max_running must be None or at least 1, not'):
            pool.add(Limited(family.master.router))
        assert pool.stats() == {}

    def test_a_limit_that_asks_the_pool(self, host: Host, caller: Context) -> None:
        class Asking(Invoker):
            fails = False

            def max_running(self) -> int:
                if self.fails:
                    raise LookupError('no limit today')
                self.stats()
                return 1

        class Asked(Echo):
            invoker_class = Asking

        pool = host(Asked)
        assert caller.call_service_async(Asked, 'echo', value=1).get(LONG) == 1
        Asking.fails = True
        with pytest.raises(CallError, match='no limit today'):
            caller.call_service_async(Asked, 'echo', value=2).get(LONG)
        Asking.fails = False
        assert caller.call_service_async(Asked, 'echo', value=3).get(LONG) == 3
        pool.stop()

    def test_a_permission_that_asks_the_pool(self, host: Host, family: Family) -> None:
        class Asking(Activator):
            def is_permitted(self, msg: Message) -> bool:
                return pool.stats() == {}

        pool = host(at=family.child, activator=Asking())
        child = family.master.router.context(1)
        assert child.call_service_async(Echo, 'echo', value=1).get(LONG) == 1

    def test_an_enqueue_that_raises(self, host: Host, family: Family) -> None:
        class Failing(Invoker):
            def enqueue(self, request: Any) -> None:
                raise SystemExit('not today')

        class Unlucky(Echo):
            invoker_class = Failing

        class Finding(Activator):
            def find(self, name: str) -> type[Service]:
                return Unlucky

        host(at=family.child, activator=Finding())
        child = family.master.router.context(1)
        replies = [child.call_service_async('a.B', 'echo', value=i) for i in range(3)]
        for reply in replies:
            with pytest.raises(CallError, match='not today'):
                reply.get(LONG)

    def test_an_execute_that_raises(self, host: Host, caller: Context) -> None:
        class Failing(Invoker):
            def execute(self, request: Any) -> None:
                raise SystemExit('not today')

        class Unlucky(Echo):
            invoker_class = Failing

        host(Unlucky)
        for _ in range(6):
            with pytest.raises(CallError, match='not today'):
                caller.call_service_async(Unlucky, 'echo', value=1).get(LONG)


class TestNames:
    """An object has one invoker, whatever its names."""

    def test_one_object_by_two_names_is_one_queue(self, host: Host, family: Family) -> None:
        class Counted(Service):
            invoker_class = SerializedInvoker
            running = most = 0

            @expose(policy=AllowAny())
            def run(self) -> None:
                self.running += 1
                self.most = max(self.most, self.running)
                gate.wait(seconds(0.05))
                self.running -= 1

        class One(Activator):
            made: Any = None

            def activate(self, router: Any, name: str) -> Service:
                self.made = self.made or Counted(router)
                return self.made

        gate = threading.Event()
        activator = One()
        pool = host(at=family.child, activator=activator)
        child = family.master.router.context(1)
        replies = [child.call_service_async(name, 'run') for name in ('a.A', 'b.B') * 3]
        for reply in replies:
            reply.get(LONG)
        assert activator.made.most == 1
        assert pool.stats()['a.A'] == pool.stats()['b.B']

    def test_a_failed_add_leaves_nothing(self, host: Host, family: Family) -> None:
        pool = host()
        service = Serial(family.master.router)
        owner = Select(family.master.router.loop, [service.select])
        with pytest.raises(Error, match='belongs to a select already'):
            pool.add(service)
        assert pool.stats() == {}
        assert service.invoker is None
        owner.remove(service.select)
        pool.add(service)

    def test_a_service_of_another_pool(self, host: Host, family: Family) -> None:
        service = Echo(family.master.router)
        host().add(service)
        with pytest.raises(PoolError, match='served by another pool'):
            host(at=family.child).add(service)


class TestOnShutdown:
    def test_the_youngest_first_and_none_is_skipped(self, host: Host, family: Family) -> None:
        ended: list[str] = []

        class First(Echo):
            def on_shutdown(self) -> None:
                ended.append('first')

        class Second(Echo):
            def on_shutdown(self) -> None:
                ended.append('second')
                raise SystemExit(1)

        host(First, Second).stop()
        assert ended == ['second', 'first']

    def test_a_router_waits_for_another_thread_in_it(self, host: Host, family: Family) -> None:
        entered, go = threading.Event(), threading.Event()

        class Slow(Echo):
            done = False

            def on_shutdown(self) -> None:
                entered.set()
                go.wait(LONG)
                type(self).done = True

        pool = host(Slow)
        stopping = threading.Thread(target=pool.stop)
        stopping.start()
        assert entered.wait(LONG)
        seen: list[bool] = []
        ending = threading.Thread(target=lambda: (family.master.router.shutdown(), seen.append(Slow.done)))
        ending.start()
        go.set()
        ending.join(LONG)
        stopping.join(LONG)
        assert seen == [True]


class TestDeadlines:
    def test_an_answer_after_the_deadline_is_discarded(self, family: Family) -> None:
        """Though it is there: the thread that waits came to look too late."""
        now = [0.0]

        class Late:
            is_cancelled = False

            def get(self, timeout: float) -> str:
                assert timeout == 5.0
                now[0] = 5.0
                return 'late'

            def cancel(self) -> None:
                self.is_cancelled = True

        reply = Late()
        loop = types.SimpleNamespace(clock=lambda: now[0])
        context: Any = types.SimpleNamespace(
            router=types.SimpleNamespace(loop=loop), request_service=lambda *args: reply, __str__=lambda: 'master'
        )
        with pytest.raises(TimeoutError, match=r'echo has not answered within 5\.0 s'):
            call(context, Echo, 'echo', 5.0, value=1)
        assert reply.is_cancelled

    def test_a_cancelled_call_has_no_value(self, host: Host, family: Family, caller: Context) -> None:
        host(Echo)
        reply = caller.call_service_async(Echo, 'echo', value=1)
        wait_until(lambda: not reply.empty(), LONG, 'the answer is there')
        reply.cancel()
        with pytest.raises(ChannelError, match='cancelled'):
            reply.get(LONG)
