"""DeduplicatingInvoker, and what it keeps."""

from collections.abc import Callable
from typing import Any

import pytest

from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import CallError
from svcfw.core.wire.frames import DEAD, ERROR
from svcfw.core.wire.values import Secret
from svcfw.service import NO_REPLY, AllowAny, DeduplicatingInvoker, Pool, Results, Service, expose
from svcfw.service.results import ResultCache, call_key
from tests.support.routers import LONG
from tests.support.timing import wait_until
from tests.unit.service.services import Echo, Family, Once, all_of, gated, refusal

Host = Callable[..., Pool]
ANYBODY = AllowAny()


class Counting(Service):
    invoker_class = DeduplicatingInvoker
    results = Results(max_entries=3)

    def __init__(self, router: Any) -> None:
        Service.__init__(self, router)
        self.calls: list[Any] = []

    @expose(policy=ANYBODY)
    def get(self, key: Any = None, other: Any = None) -> int:
        self.calls.append(key)
        return len(self.calls)

    @expose(policy=ANYBODY)
    def get_too(self, key: Any = None, other: Any = None) -> str:
        return f'get_too {key}'

    @expose(policy=ANYBODY)
    def fail(self, key: Any) -> None:
        self.calls.append(key)
        raise ValueError(f'failed {len(self.calls)} times')

    @expose(policy=ANYBODY)
    def later(self, msg: Message) -> Any:
        self.kept = msg
        return NO_REPLY


class KeepsFailures(Counting):
    results = Results(keep_failures=True)


class Refusing(Once):
    max_waiting = 3


class TestCallers:
    def test_a_hundred_have_one_execution_and_one_thread(self, host: Host, family: Family) -> None:
        pool = host(Once, Echo, size=2)
        service = gated(pool, Once)
        contexts = [family.master_from(served) for served in (family.child, family.sibling, family.grandchild)]
        replies = [contexts[i % 3].call_service_async(Once, 'run', value='x') for i in range(100)]
        service.until_begun(1)
        assert contexts[0].call_service(Echo, 'echo', value='a thread is free') == 'a thread is free'
        service.let()
        assert all_of(replies) == ['x'] * 100
        assert service.begun == ['x']
        assert pool.stats()[Once.name()]['run']['calls'] == 1

    def test_a_failure_reaches_all_who_wait_and_is_not_kept(self, host: Host, caller: Context) -> None:
        service: Any = host(Counting).get_service(Counting)
        for n in (1, 2):
            with pytest.raises(CallError, match=f'failed {n} times'):
                caller.call_service(Counting, 'fail', key=1)
        assert service.calls == [1, 1]

    def test_unless_the_service_wants_it_kept(self, host: Host, caller: Context) -> None:
        service: Any = host(KeepsFailures).get_service(KeepsFailures)
        for _ in range(2):
            with pytest.raises(CallError, match='failed 1 times'):
                caller.call_service(KeepsFailures, 'fail', key=1)
        assert service.calls == [1]

    def test_an_answer_that_comes_later_is_for_all(self, host: Host, caller: Context, family: Family) -> None:
        service: Any = host(Counting).get_service(Counting)
        replies = [caller.call_service_async(Counting, 'later') for _ in range(3)]
        assert caller.call_service(Counting, 'get') == 1  # has come after
        service.kept.reply('now')
        assert all_of(replies) == ['now'] * 3

    def test_each_may_give_up_and_the_last_one_ends_it(self, host: Host, caller: Context) -> None:
        service = gated(host(Once), Once)
        replies = [caller.call_service_async(Once, 'run', value=1) for _ in range(3)]
        service.until_begun(1)
        replies[0].cancel()
        service.poke()
        replies[1].cancel()
        assert not service.ended
        replies[2].cancel()
        again = caller.call_service_async(Once, 'run', value=1)  # not what was cancelled
        service.until_begun(2)
        service.let()
        assert again.get(LONG) == 1

    def test_what_a_method_gives_that_was_given_up_is_not_kept(
        self, host: Host, family: Family, caller: Context
    ) -> None:
        service = gated(host(Once), Once)
        reply = caller.call_service_async(Once, 'run', value=1)
        service.until_begun(1)
        reply.cancel()
        family.child.settle()
        family.master.settle()
        service.poke()
        service.until_ended(1)
        again = caller.call_service_async(Once, 'run', value=1)
        service.until_begun(2)
        service.let()
        assert again.get(LONG) == 1

    def test_too_many_are_refused(self, host: Host, caller: Context) -> None:
        service = gated(host(Refusing), Refusing)
        replies = [caller.call_service_async(Refusing, 'run', value=1) for _ in range(3)]
        assert '3 callers are waiting' in refusal(lambda: caller.call_service(Refusing, 'run', value=1))
        service.let()
        assert all_of(replies) == [1, 1, 1]
        assert caller.call_service(Refusing, 'run', value=1) == 1

    def test_policies_come_before_what_is_kept(self, host: Host, family: Family, caller: Context) -> None:
        host(Counting)
        assert 'no exposed method' in refusal(lambda: caller.call_service(Counting, 'hidden'))


class TestKeys:
    def test_order_of_arguments_is_no_part(self, host: Host, caller: Context) -> None:
        host(Counting)
        first = caller.request_service(Counting, 'get', {'key': 1, 'other': 2}).get(LONG)
        assert caller.request_service(Counting, 'get', {'other': 2, 'key': 1}).get(LONG) == first

    def test_the_method_is(self, host: Host, caller: Context) -> None:
        host(Counting)
        assert caller.call_service(Counting, 'get', key=1) == 1
        assert caller.call_service(Counting, 'get_too', key=1) == 'get_too 1'

    @pytest.mark.parametrize(
        ('one', 'other'),
        [
            (Secret('hunter2'), Secret('swordfish')),
            (Secret('x'), 'x'),
            (b'x' * 1000, b'x' * 999 + b'y'),
            ('x', b'x'),
            (1, True),
            (1, 1.0),
            (0, False),
            (0.0, -0.0),
            ([1, 2], (1, 2)),
            ([[1], 2], [[1, 2]]),
            ({'a': 1}, [('a', 1)]),
            ({1}, frozenset({1})),
            ('a', "'a'"),
            ([], None),
        ],
    )
    def test_values_that_look_alike(self, one: Any, other: Any) -> None:
        assert key(one) != key(other)

    @pytest.mark.parametrize(
        ('one', 'other'),
        [
            ({'a': 1, 'b': {'c': 2, 'd': 3}}, {'b': {'d': 3, 'c': 2}, 'a': 1}),
            ({1, 2, 3}, {3, 2, 1}),
            ([{'x': {frozenset({1, 2})}}], [{'x': {frozenset({2, 1})}}]),
        ],
    )
    def test_values_that_are_alike(self, one: Any, other: Any) -> None:
        assert key(one) == key(other)

    def test_a_secret_is_not_kept_for_its_key(self) -> None:
        assert b'hunter2' not in key(Secret('hunter2'))[1]


class TestStore:
    def test_the_oldest_go_when_there_are_too_many(self) -> None:
        store = filled(Results(max_entries=2), ('a', b'1'), ('b', b'2'), ('c', b'3'))
        assert [store.get(name) for name in 'abc'] == [None, (0, b'2'), (0, b'3')]

    def test_or_too_large(self) -> None:
        store = filled(Results(max_bytes=10), ('a', b'x' * 4), ('b', b'x' * 4), ('c', b'x' * 4), ('d', b'x' * 11))
        assert [name for name in 'abcd' if store.get(name)] == ['b', 'c']

    def test_a_new_outcome_takes_the_place_of_the_old(self) -> None:
        store = filled(Results(max_bytes=10), ('a', b'x' * 9), ('a', b'y' * 9))
        assert (len(store), store.get('a')) == (1, (0, b'y' * 9))

    def test_time_to_live(self) -> None:
        now = [0.0]
        store = ResultCache(Results(ttl_s=10), lambda: now[0])
        store.put('a', 0, b'1')
        now[0] = 9.9
        assert store.get('a') == (0, b'1')
        now[0] = 10.0
        assert store.get('a') is None
        assert len(store) == 0

    def test_what_is_no_outcome(self) -> None:
        store = ResultCache(Results(keep_failures=True), lambda: 0.0)
        store.put('a', DEAD, b'the pool was stopped')
        store.put('b', ERROR, b'1')
        assert (store.get('a'), store.get('b')) == (None, (ERROR, b'1'))

    def test_nothing_where_nothing_is_wanted(self) -> None:
        assert len(filled(Results(max_entries=0), ('a', b''))) == 0


class TestForget:
    def test_one_call_one_method_or_all(self, host: Host, caller: Context) -> None:
        service: Any = host(Counting).get_service(Counting)
        invoker = service.invoker

        def get(k: int) -> int:
            value: int = caller.call_service(Counting, 'get', key=k)
            return value

        assert (get(1), get(2), get(1)) == (1, 2, 1)
        invoker.forget('get', {'key': 1})
        assert (get(1), get(2)) == (3, 2)
        invoker.forget('get_too')
        assert get(1) == 3
        invoker.forget('get')
        assert (get(1), get(2)) == (4, 5)
        invoker.forget()
        assert get(1) == 6

    def test_forget_reaches_what_is_being_executed(self, host: Host, caller: Context) -> None:
        """What it has read may be what is to be forgotten; its own callers get its outcome all the same."""
        service: Any = host(Counting).get_service(Counting)
        first = caller.call_service_async(Counting, 'later')
        wait_until(lambda: hasattr(service, 'kept'), LONG, 'the execution has begun')
        old = service.kept
        del service.kept
        service.invoker.forget('later')
        second = caller.call_service_async(Counting, 'later')
        wait_until(lambda: hasattr(service, 'kept'), LONG, 'another execution has begun')
        old.reply('stale')
        assert first.get(LONG) == 'stale'
        service.kept.reply('fresh')
        assert second.get(LONG) == 'fresh'
        assert caller.call_service(Counting, 'later') == 'fresh'

    def test_the_service_chooses_how_much_is_kept(self, host: Host, caller: Context) -> None:
        service: Any = host(Counting).get_service(Counting)
        for k in (1, 2, 3, 4, 1):
            caller.call_service(Counting, 'get', key=k)
        assert service.calls == [1, 2, 3, 4, 1]


def key(value: Any) -> Any:
    return call_key('method', {'value': value}, Codec().encode)


def filled(results: Results, *outcomes: tuple[str, bytes]) -> ResultCache:
    store = ResultCache(results, lambda: 0.0)
    for name, payload in outcomes:
        store.put(name, 0, payload)
    return store
