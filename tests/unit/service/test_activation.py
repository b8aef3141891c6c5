"""Services that are made when they are asked for."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from svcfw.core.context import Context
from svcfw.core.wire.errors import CallError, ChannelError
from svcfw.service import Activator, Pool, PoolError, RefusedError, Service
from tests.support.routers import LONG
from tests.unit.service import importable
from tests.unit.service.services import Echo, Family, all_of, refusal

Host = Callable[..., Pool]
MODULE = importable.__name__


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    importable.forget()
    yield
    importable.gate.set()


@pytest.fixture
def above(family: Family) -> Context:
    """The first child as the master sees it."""
    context: Context = family.master.router.context(1)
    return context


def test_a_service_is_made_for_a_parent(host: Host, family: Family, above: Context) -> None:
    host(at=family.child)
    assert above.call_service(f'{MODULE}.Plain', 'echo', value=1) == 1
    assert above.call_service(importable.Plain, 'echo', value=2) == 2
    assert importable.made == ['Plain']


def test_a_class_in_a_class(host: Host, family: Family, above: Context) -> None:
    host(at=family.child)
    assert above.call_service(importable.Plain.Inner, 'echo', value=1) == ('inner', 1)


def test_for_the_context_itself(host: Host, family: Family) -> None:
    host(at=family.child)
    assert family.child.router.myself().call_service(importable.Plain, 'echo', value=1) == 1


def test_but_not_for_others_and_the_refusal_says_so(host: Host, family: Family) -> None:
    host(at=family.child)
    context = family.grandchild.router.context(1)
    text = refusal(lambda: context.call_service(importable.Plain, 'echo', value=1))
    assert text == f'no service {MODULE}.Plain, and context 10 is not permitted to activate it'
    assert importable.made == []
    family.master.router.context(1).call_service(importable.Plain, 'echo', value=1)
    assert context.call_service(importable.Plain, 'echo', value=2) == 2


@pytest.mark.parametrize('kind', [importable.Plain, importable.Serial])
def test_once_however_many_race(host: Host, family: Family, above: Context, kind: type[importable.Plain]) -> None:
    pool = host(at=family.child)
    start = threading.Barrier(4)
    instances: list[Any] = []

    def get() -> None:
        start.wait(LONG)
        instances.append(pool.get_service(kind))

    threads = [threading.Thread(target=get) for _ in range(3)]
    for thread in threads:
        thread.start()
    start.wait(LONG)
    replies = [above.call_service_async(kind, 'echo', value=i) for i in range(20)]
    assert all_of(replies) == list(range(20))
    for thread in threads:
        thread.join(LONG)
    assert importable.made == ['Plain']
    assert len(set(map(id, instances))) == 1
    assert pool.stats()[kind.name()]['echo']['calls'] == 20


def test_a_slow_one_delays_its_own_callers_only(host: Host, family: Family, above: Context) -> None:
    host(Echo, at=family.child, size=2)
    slow = [above.call_service_async(importable.Slow, 'echo', value=i) for i in range(3)]
    assert importable.begun.wait(LONG)
    assert above.call_service(Echo, 'echo', value=1) == 1
    assert above.call_service(importable.Plain, 'echo', value=2) == 2
    importable.gate.set()
    assert all_of(slow) == [('slow', i) for i in range(3)]


def test_what_fails_is_told_and_tried_again(host: Host, family: Family, above: Context) -> None:
    pool = host(at=family.child)
    for _ in range(2):
        with pytest.raises(CallError, match='ValueError: it cannot be made'):
            above.call_service(importable.Broken, 'echo')
    with pytest.raises(CallError, match='ModuleNotFoundError'):
        above.call_service('no.such.Thing', 'echo')
    with pytest.raises(ValueError, match='it cannot be made'):
        pool.get_service(importable.Broken)


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        (f'{MODULE}.NOT_A_SERVICE', 'is not a subclass of svcfw.service.Service'),
        (f'{MODULE}.NorThis', 'is not a subclass of svcfw.service.Service'),
        (f'{MODULE}.Missing', 'no service '),
        ('os.system', 'is not a subclass of svcfw.service.Service'),
        ('plain', 'invalid service name'),
        ('..', 'invalid service name'),
        ('', 'invalid service name'),
    ],
)
def test_what_is_no_service_is_refused(host: Host, family: Family, above: Context, name: str, text: str) -> None:
    pool = host(at=family.child)
    assert text in refusal(lambda: above.call_service(name, 'echo'))
    with pytest.raises(RefusedError, match=text):
        pool.get_service(name)


def test_one_that_needs_another(host: Host, family: Family, above: Context) -> None:
    host(at=family.child, size=1)
    assert above.call_service(importable.NeedsOther, 'echo', value=1) == 1
    assert importable.made == ['Plain']


def test_one_that_needs_itself_is_told_so(host: Host, family: Family, above: Context) -> None:
    pool = host(at=family.child, size=1)
    assert 'waits for itself' in refusal(lambda: above.call_service(importable.NeedsItself, 'echo'))
    with pytest.raises(PoolError, match='waits for itself'):
        pool.get_service(importable.NeedsItself)


@pytest.mark.parametrize('end', [Pool.stop, Pool.close])
def test_the_end_of_the_pool_reaches_who_waits(
    host: Host, family: Family, above: Context, end: Callable[..., None]
) -> None:
    pool = host(at=family.child, size=2)
    reply = above.call_service_async(importable.Slow, 'echo', value=1)
    assert importable.begun.wait(LONG)
    end(pool, **({'join': False} if end is Pool.stop else {}))
    with pytest.raises(ChannelError, match='the pool was'):
        reply.get(LONG)
    importable.gate.set()
    pool.join()


class ByNumber(Activator):
    """A user's scheme of names."""

    def find(self, name: str) -> type[Service] | None:
        return {'echo-1': Echo, 'plain-2': importable.Plain}.get(name)

    def is_permitted(self, msg: Any) -> bool:
        return True


def test_other_schemes_of_names(host: Host, caller: Context) -> None:
    pool = host(activator=ByNumber())
    assert caller.call_service('echo-1', 'echo', value=1) == 1
    assert caller.call_service('plain-2', 'echo', value=2) == 2
    assert 'is not a subclass of svcfw.service.Service' in refusal(lambda: caller.call_service('other', 'echo'))
    assert type(pool.get_service('plain-2')) is importable.Plain
    assert sorted(pool.stats()) == ['echo-1', 'plain-2']


def test_a_call_that_is_cancelled_while_its_service_is_made_never_begins(
    host: Host, family: Family, above: Context
) -> None:
    pool = host(at=family.child)
    replies = [above.call_service_async(importable.Slow, 'echo', value=i) for i in range(3)]
    assert importable.begun.wait(LONG)
    replies[1].cancel()
    family.master.settle()
    family.child.settle()
    importable.gate.set()
    assert [replies[0].get(LONG), replies[2].get(LONG)] == [('slow', 0), ('slow', 2)]
    assert pool.stats()[importable.Slow.name()]['echo']['calls'] == 2


def test_a_deadline_counts_from_before_its_service_was_made(host: Host, family: Family, above: Context) -> None:
    host(at=family.child)
    loop = family.child.router.loop
    reply = above.request_service(importable.Slow, 'echo', {'value': 1}, timeout=1000.0)
    assert importable.begun.wait(LONG)
    real = loop.clock
    loop.clock = lambda: real() + 1001.0
    importable.gate.set()
    with pytest.raises(ChannelError, match='no longer waits'):
        reply.get(LONG)
