"""Pools that are made where there is none, and with limits of their own."""

import threading
from typing import Any

import pytest

from svcfw.core import handles
from svcfw.service import Activator, Invoker, Pool, PoolError, get_or_create_pool, start_pool
from svcfw.service.starting import start_in_child
from tests.support.routers import LONG
from tests.support.timing import wait_until
from tests.unit.service.services import Echo, Family


def test_one_pool_however_many_ask(family: Family) -> None:
    router = family.master.router
    found: list[Pool] = []
    threads = [threading.Thread(target=lambda: found.append(get_or_create_pool(router, size=2))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert len(found) == 8
    assert set(found) == {router.services}
    assert found[0].size == 2
    found[0].stop()
    again = get_or_create_pool(router, activator=Activator())
    assert again is not found[0]
    again.stop()


class SlowInvoker(Invoker):
    """Takes until `go` to be made."""

    began, go = threading.Event(), threading.Event()

    def max_running(self) -> int:
        self.began.set()
        assert self.go.wait(LONG)
        return 1


class SlowEcho(Echo):
    invoker_class = SlowInvoker


def test_a_call_that_comes_while_services_are_added(family: Family) -> None:
    """It waits for the one that is being added, and has no other one made. Nobody else waits meanwhile."""
    router = family.master.router
    waiting: list[Any] = []
    router.add_handler(waiting.append, handles.CALL_SERVICE)
    replies = [family.master_from(family.child).call_service_async(SlowEcho, 'echo', value=i) for i in range(2)]
    family.child.settle()
    wait_until(lambda: len(waiting) == 2, LONG, 'the calls have come')
    making = threading.Thread(target=lambda: Pool(router, [SlowEcho(router)], size=2), daemon=True)
    making.start()
    assert SlowInvoker.began.wait(LONG)
    start_in_child(router, [(message, router.loop.clock()) for message in waiting])
    assert get_or_create_pool(router) is router.services
    with pytest.raises(PoolError, match='already has a pool'):
        Pool(router)
    SlowInvoker.go.set()
    assert [reply.get(LONG) for reply in replies] == [0, 1]
    making.join(LONG)
    assert list(router.services.stats()) == [SlowEcho.name()]
    router.services.stop()


@pytest.mark.parametrize('limits', [{'a.B': None}, {'a.B': 1}, [('a.B', {'max_running': 1})], 'a.B'])
def test_what_is_no_dict_of_limits(family: Family, limits: Any) -> None:
    with pytest.raises(PoolError, match='must be a dict'):
        Pool(family.master.router, limits=limits)
    assert family.master.router.services is None
    with pytest.raises(PoolError, match='must be a dict'):
        start_pool(family.master.router.myself(), limits=limits)


@pytest.mark.parametrize(
    'limits',
    [{'max_running': 0}, {'max_running': '2'}, {'max_waiting': None}, {'max_waiting': -1}, {'max_walking': 1}],
)
def test_what_is_no_limit(family: Family, limits: Any) -> None:
    with pytest.raises(PoolError, match='invalid limit of '):
        Pool(family.master.router, limits={'a.B': limits})
    assert family.master.router.services is None
    with pytest.raises(PoolError, match='invalid limit of '):
        start_pool(family.master.router.context(1), limits={Echo: limits})


def test_what_is_no_activator(family: Family) -> None:
    with pytest.raises(TypeError, match=r'must be a subclass of svcfw\.service\.Activator'):
        start_pool(family.master.router.context(1), activator=Activator())  # type: ignore[arg-type]


def test_limits_come_before_those_of_the_class(family: Family) -> None:
    pool = Pool(family.master.router, limits={Echo.name(): {'max_waiting': 1, 'max_running': 1}})
    service = Echo(family.master.router)
    pool.add(service)
    assert (service.max_waiting, service.max_running) == (1, 1)
    pool.stop()
