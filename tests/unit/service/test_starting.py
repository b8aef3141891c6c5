"""Pools that are made where there is none, and with limits of their own."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from svcfw.service import Activator, Pool, PoolError, get_or_create_pool, start_pool
from svcfw.service import pool as module
from svcfw.service.workers import Workers
from tests.support.routers import LONG
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


def test_a_call_that_comes_while_a_pool_is_made(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for that pool; in a child it might have one made."""
    router = family.master.router
    began, go = threading.Event(), threading.Event()
    failures: list[Exception] = []

    class SlowWorkers(Workers):
        def __init__(self, *args: Any) -> None:
            began.set()
            assert go.wait(LONG)
            super().__init__(*args)

    def run(function: Callable[..., Any], *args: Any) -> threading.Thread:
        def work() -> None:
            try:
                function(*args)
            except Exception as e:
                failures.append(e)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    monkeypatch.setattr(module, 'Workers', SlowWorkers)
    making = run(Pool, router)
    assert began.wait(LONG)
    calling = run(module.start_in_child, router, [])
    calling.join(0.05)
    go.set()
    for thread in (making, calling):
        thread.join(LONG)
    assert failures == []
    router.services.stop()


@pytest.mark.parametrize(
    'limits',
    [{'max_running': 0}, {'max_running': '2'}, {'max_waiting': None}, {'max_waiting': -1}, {'max_walking': 1}],
)
def test_what_is_no_limit(family: Family, limits: Any) -> None:
    with pytest.raises(PoolError, match='no limit of a service'):
        Pool(family.master.router, limits={'a.B': limits})
    assert family.master.router.services is None
    with pytest.raises(PoolError, match='no limit of a service'):
        start_pool(family.master.router.context(1), limits={Echo: limits})


def test_what_is_no_activator(family: Family) -> None:
    with pytest.raises(TypeError, match='not a subclass of Activator'):
        start_pool(family.master.router.context(1), activator=Activator())  # type: ignore[arg-type]


def test_limits_come_before_those_of_the_class(family: Family) -> None:
    pool = Pool(family.master.router, limits={Echo.name(): {'max_waiting': 1, 'max_running': 1}})
    service = Echo(family.master.router)
    pool.add(service)
    assert (service.max_waiting, service.max_running) == (1, 1)
    pool.stop()
