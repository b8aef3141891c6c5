"""A service's own sources: receivers added over time, their messages, their ends."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from svcfw.core.context import Context, Sender
from svcfw.core.latch import Latch
from svcfw.core.receivers.channel import Receiver
from svcfw.core.receivers.select import Select
from svcfw.core.wire.errors import ChannelError
from svcfw.service import AllowAny, Invoker, Pool, SerializedInvoker, Service, expose
from tests.support.routers import LONG
from tests.unit.service.services import Echo, Family

Host = Callable[..., Pool]


class Subscriptions(Service):
    def __init__(self, router: Any) -> None:
        Service.__init__(self, router)
        self.events: list[Any] = []
        self.threads: set[str] = set()
        self.changed = threading.Condition()
        self.inside = 0
        self.most_inside = 0

    @expose(policy=AllowAny())
    def subscribe(self) -> Sender:
        receiver = Receiver(self.router)
        self.select.add(receiver)
        return receiver.to_sender()

    def on_message_received(self, event: Any) -> None:
        with self.changed:
            self.inside += 1
            self.most_inside = max(self.inside, self.most_inside)
        ended = isinstance(event.data, ChannelError)
        with self.changed:
            self.inside -= 1
            self.events.append(('end', str(event.data)) if ended else event.data.value())
            self.threads.add(threading.current_thread().name)
            self.changed.notify_all()
        if not ended and self.events[-1] == 'fail':
            raise ValueError('on purpose')

    def until(self, count: int) -> list[Any]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.events) >= count, LONG), self.events
            return list(self.events)


class OneByOne(Subscriptions):
    invoker_class = SerializedInvoker


@pytest.mark.parametrize('kind', [Subscriptions, OneByOne])
class TestEvents:
    def test_messages_reach_the_service_on_threads_of_the_pool(
        self, host: Host, caller: Context, kind: type[Subscriptions]
    ) -> None:
        service: Any = host(kind).get_service(kind)
        sender = caller.call_service(kind, 'subscribe')
        for i in range(20):
            sender.send(i)
        assert sorted(service.until(20)) == list(range(20))
        assert all(name.startswith('svcfw-pool') for name in service.threads)

    def test_receivers_may_be_added_over_time(self, host: Host, family: Family, kind: type[Subscriptions]) -> None:
        service: Any = host(kind).get_service(kind)
        for n, served in enumerate((family.child, family.sibling, family.grandchild)):
            family.master_from(served).call_service(kind, 'subscribe').send(n)
            assert service.until(n + 1)[n] == n
        assert len(service.select) == 3

    def test_the_end_of_one_is_an_event_and_it_leaves(
        self, host: Host, caller: Context, kind: type[Subscriptions]
    ) -> None:
        service: Any = host(kind).get_service(kind)
        sender = caller.call_service(kind, 'subscribe')
        sender.close('it is over')
        assert service.until(1) == [('end', 'it is over')]
        assert len(service.select) == 0
        caller.call_service(kind, 'subscribe').send('and on')
        assert service.until(2)[1] == 'and on'

    def test_what_it_raises_is_logged_and_ends_nothing(
        self, host: Host, family: Family, caller: Context, kind: type[Subscriptions]
    ) -> None:
        service: Any = host(kind, size=1).get_service(kind)
        sender = caller.call_service(kind, 'subscribe')
        for value in ('fail', 'fail', 'good'):
            sender.send(value)
        assert service.until(3) == ['fail', 'fail', 'good']
        caller.call_service(kind, 'subscribe')
        assert any('on purpose' in text for _, text in family.master.logged)

    def test_the_end_of_the_pool_lets_the_sources_go(
        self, host: Host, caller: Context, kind: type[Subscriptions]
    ) -> None:
        pool = host(kind)
        service: Any = pool.get_service(kind)
        sender = caller.call_service(kind, 'subscribe')
        pool.stop()
        sender.send('nobody hears')
        assert service.events == []


def test_serialized_events_take_their_turn(host: Host, caller: Context) -> None:
    service: Any = host(OneByOne, size=4).get_service(OneByOne)
    sender = caller.call_service(OneByOne, 'subscribe')
    for i in range(100):
        sender.send(i)
    assert service.until(100) == list(range(100))
    assert service.most_inside == 1


def test_latches_and_selects_too(host: Host, family: Family, caller: Context) -> None:
    class Mixed(Service):
        def __init__(self, router: Any) -> None:
            Service.__init__(self, router)
            self.latch, self.inner = Latch(router.loop), Latch(router.loop)
            self.select.add(self.latch)
            self.select.add(Select(router.loop, [self.inner], oneshot=False))
            self.seen = Latch(router.loop)

        def on_message_received(self, event: Any) -> None:
            self.seen.put(event.data)

    service: Any = host(Mixed).get_service(Mixed)
    service.latch.put('from the latch')
    assert service.seen.get(LONG) == 'from the latch'
    service.inner.put('from within')
    assert service.seen.get(LONG) == 'from within'


def test_messages_that_came_before_the_service_was_added(host: Host, family: Family) -> None:
    pool = host(Echo)
    service = Subscriptions(family.master.router)
    latch: Any = Latch(family.master.router.loop)

    class Value:
        def value(self) -> str:
            return 'early'

    latch.put(Value())
    service.select.add(latch)
    pool.add(service)
    assert service.until(1) == ['early']
    assert Invoker is type(service.invoker)
