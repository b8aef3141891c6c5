"""Extensions of a child, the pool of services above all, which are imported when they are needed."""

import sys
from collections.abc import Iterator

import pytest

from svcfw.core import handles
from svcfw.core.context import Context
from svcfw.core.entry import OnDemand
from svcfw.core.wire.errors import CallError, ChannelError
from tests.support.routers import LONG
from tests.unit.service import importable
from tests.unit.service.services import Family, families

SLOW = 'tests.unit.service.slow_pool'


@pytest.fixture
def family() -> Iterator[Family]:
    with families() as made:
        yield made


@pytest.fixture
def starter(family: Family) -> OnDemand:
    router = family.child.router
    router.extensions = {handles.CALL_SERVICE: SLOW}
    made: OnDemand = family.child.do(lambda: OnDemand(router))
    return made


@pytest.fixture
def above(family: Family, starter: OnDemand) -> Iterator[Context]:
    """A child as the master sees it, whose pool takes until `importable.gate` to import."""
    router = family.child.router
    router.forwards_logging = True
    sys.modules.pop(SLOW, None)
    importable.forget()
    context: Context = family.master.router.context(1)
    yield context
    importable.gate.set()
    if router.services is not None:
        router.services.stop()


def echoed(family: Family) -> int:
    """How many calls of `Plain.echo` the child has run."""
    calls: int = family.child.router.services.stats()[importable.Plain.name()]['echo']['calls']
    return calls


def test_calls_wait_for_it_in_order(above: Context) -> None:
    replies = [above.call_service_async(importable.Plain, 'echo', value=i) for i in range(5)]
    assert importable.begun.wait(LONG)
    replies += [above.call_service_async(importable.Plain, 'echo', value=i) for i in range(5, 10)]
    importable.gate.set()
    assert [reply.get(LONG) for reply in replies] == list(range(10))
    assert importable.made == ['Plain']


def test_a_call_that_is_cancelled_meanwhile_never_begins(family: Family, above: Context) -> None:
    replies = [above.call_service_async(importable.Plain, 'echo', value=i) for i in range(3)]
    assert importable.begun.wait(LONG)
    replies[1].cancel()
    family.master.settle()
    family.child.settle()
    importable.gate.set()
    assert [replies[0].get(LONG), replies[2].get(LONG)] == [0, 2]
    assert echoed(family) == 2


def test_a_service_in_the_making_is_left_alone_by_who_cancelled(family: Family, above: Context) -> None:
    reply = above.call_service_async(importable.Plain, 'echo', value=1)
    assert importable.begun.wait(LONG)
    reply.cancel()
    family.master.settle()
    family.child.settle()
    importable.gate.set()
    assert above.call_service(importable.Plain, 'echo', value=2) == 2
    assert echoed(family) == 1


def test_a_deadline_counts_from_the_arrival(family: Family, above: Context) -> None:
    loop = family.child.router.loop
    reply = above.request_service(importable.Plain, 'echo', {'value': 1}, timeout=1000.0)
    assert importable.begun.wait(LONG)
    real = loop.clock
    loop.clock = lambda: real() + 1001.0
    importable.gate.set()
    with pytest.raises(ChannelError, match='no longer waits'):
        reply.get(LONG)


def test_only_those_above_are_served(family: Family) -> None:
    family.child.router.extensions = {handles.CHILDREN: 'tests.unit.service.nowhere'}
    family.child.do(lambda: OnDemand(family.child.router, handles.CHILDREN))
    with pytest.raises(ChannelError, match='child has no starter of children'):
        family.grandchild.router.context(1).request(handles.CHILDREN, None, LONG)


def test_the_next_call_tries_again(family: Family, above: Context) -> None:
    router = family.child.router
    router.extensions = {handles.CALL_SERVICE: 'tests.unit.service.nowhere'}
    with pytest.raises(CallError, match='nowhere'):
        above.call_service(importable.Plain, 'echo', value=1)
    router.extensions = {handles.CALL_SERVICE: SLOW}
    importable.gate.set()
    assert above.call_service(importable.Plain, 'echo', value=2) == 2


def test_a_call_that_meets_the_end_is_told_so(family: Family, above: Context, starter: OnDemand) -> None:
    """Then its import fails, for what it lacks is not fetched any more."""
    router = family.child.router
    reply = above.call_service_async(importable.Plain, 'echo', value=1)
    assert importable.begun.wait(LONG)
    router.closed = 'child was told to shut down'
    family.child.do(lambda: starter._give_up(CallError('ImportError', 'it was not fetched', '')))
    with pytest.raises(ChannelError, match='told to shut down'):
        reply.get(LONG)
