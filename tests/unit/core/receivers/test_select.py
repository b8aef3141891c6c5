"""Select: the first of several sources, each item once, each end once."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.core.context import Context, Reply
from svcfw.core.latch import Latch
from svcfw.core.loop import Loop
from svcfw.core.receivers.select import Select, SelectError
from svcfw.core.wire.errors import ChannelError, TimeoutError
from tests.support.routers import LONG


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop(lambda error: None)
    yield loop
    loop.close()


class Value:
    """An answer, as far as Reply looks at it."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def value(self) -> Any:
        return self._value


def test_items_come_in_the_order_of_their_arrival(loop: Loop) -> None:
    a, b = Latch(loop), Latch(loop)
    select = Select(loop, [a, b], oneshot=False)
    for latch, item in ((b, 1), (a, 2), (a, 3), (b, 4)):
        latch.put(item)
    assert [select.get(0) for _ in range(4)] == [1, 2, 3, 4]
    assert select.empty()
    with pytest.raises(TimeoutError, match=r'Select\(<.*Latch.*>, <.*\): nothing arrived in time'):
        select.get(0.001)


def test_a_source_that_has_items_already_is_ready(loop: Loop) -> None:
    latch, ended = Latch(loop), Latch(loop)
    latch.put(1)
    ended.close('over')
    select = Select(loop, [latch, ended])
    assert select.get(0) == 1
    with pytest.raises(ChannelError, match='over'):
        select.get(0)
    assert not select


def test_oneshot_takes_one_item_of_each(loop: Loop) -> None:
    a, b = Latch(loop), Latch(loop)
    for latch in (a, b):
        latch.put('first')
        latch.put('second')
    select = Select(loop, [a, b])
    assert list(select) == ['first', 'first']
    assert len(a) == 1
    with pytest.raises(SelectError):
        select.get(0)
    assert Select(loop, [a]).get(0) == 'second', 'a source that has left may be added elsewhere'


def test_sources_have_one_owner_and_no_cycle(loop: Loop) -> None:
    latch = Latch(loop)
    select = Select(loop, [latch])
    with pytest.raises(SelectError, match='already'):
        Select(loop, [latch])
    outer = Select(loop, [select])
    with pytest.raises(SelectError, match='itself'):
        select.add(outer)
    with pytest.raises(SelectError, match='itself'):
        Select(loop).add(select) if False else outer.add(outer)
    select.remove(latch)
    with pytest.raises(SelectError, match='not in'):
        select.remove(latch)


def test_a_select_that_cannot_be_made_keeps_no_source(loop: Loop) -> None:
    a, b = Latch(loop), Latch(loop)
    with pytest.raises(SelectError, match='belongs to a select already'):
        Select(loop, [a, b, a])
    assert a.notify is b.notify is None
    assert len(Select(loop, [a, b])) == 2


def test_what_a_removed_source_had_is_not_delivered(loop: Loop) -> None:
    a, b = Latch(loop), Latch(loop)
    select = Select(loop, [a, b])
    a.put('gone')
    b.put('there')
    select.remove(a)
    assert select.get(0) == 'there'


def test_an_item_that_somebody_took_directly_is_not_delivered(loop: Loop) -> None:
    latch = Latch(loop)
    select = Select(loop, [latch], oneshot=False)
    latch.put(1)
    assert latch.get(0) == 1
    assert select.empty()
    with pytest.raises(TimeoutError):
        select.get(0.001)


@pytest.mark.parametrize('oneshot', [True, False])
def test_the_end_of_a_source_comes_once_after_its_items(loop: Loop, oneshot: bool) -> None:
    a, b = Latch(loop), Latch(loop)
    select = Select(loop, [a, b], oneshot=oneshot)
    if not oneshot:
        a.put('last')
    a.close('over')
    if not oneshot:
        assert select.get(0) == 'last'
    with pytest.raises(ChannelError, match='over'):
        select.get(0)
    assert len(select) == 1
    b.put('still here')
    assert select.get(0) == 'still here'


def test_the_end_of_a_source_is_an_event(loop: Loop) -> None:
    a = Latch(loop)
    select = Select(loop, [a], oneshot=False)
    a.put(1)
    a.close('over')
    assert tuple(select.get_event(0)) == (a, 1)
    source, data = select.get_event(0)
    assert (source, type(data), str(data)) == (a, ChannelError, 'over')
    with pytest.raises(SelectError):
        select.get_event(0)


def test_get_source_leaves_the_item(loop: Loop) -> None:
    latch = Latch(loop)
    select = Select(loop, [latch])
    latch.put(1)
    assert select.get_source(0) is latch
    assert latch.get(0) == 1


@pytest.mark.parametrize('oneshot', [True, False])
def test_a_reply_is_taken_once_and_its_end_is_no_event(loop: Loop, oneshot: bool) -> None:
    context = Context(SimpleNamespace(loop=loop), 1)
    replies = [Reply(context, ()) for _ in range(3)]
    select = Select(loop, replies, oneshot=oneshot)
    for i in (2, 0, 1):
        replies[i].put(Value(i))
    assert [select.get(0) for _ in range(3)] == [2, 0, 1]
    with pytest.raises(SelectError if oneshot else TimeoutError):
        select.get(0)
    with pytest.raises(ChannelError, match='already'):
        replies[0].get()


def test_a_select_of_selects(loop: Loop) -> None:
    a, b, c = Latch(loop), Latch(loop), Latch(loop)
    inner = Select(loop, [a, b])
    outer = Select(loop, [inner, c], oneshot=False)
    b.put('b')
    c.put('c')
    a.put('a')
    assert [outer.get(0) for _ in range(3)] == ['b', 'c', 'a']
    with pytest.raises(TimeoutError):
        outer.get(0.001)


def test_an_inner_select_with_nothing_left_is_not_ready(loop: Loop) -> None:
    a = Latch(loop)
    a.put(1)
    a.put(2)
    inner = Select(loop, [a])
    outer = Select(loop, [inner], oneshot=False)
    assert outer.get(0) == 1
    assert inner.empty()
    with pytest.raises(TimeoutError):
        outer.get(0.001)


def test_all(loop: Loop) -> None:
    latches = [Latch(loop) for _ in range(3)]
    for number, latch in enumerate(latches):
        latch.put(number)
    assert sorted(Select.all(loop, latches)) == [0, 1, 2]


def test_close_wakes_who_waits_and_frees_the_sources(loop: Loop) -> None:
    latch = Latch(loop)
    select = Select(loop, [latch])
    loop.call_soon(select.close)
    with pytest.raises(ChannelError, match='select was closed'):
        select.get(LONG)
    with pytest.raises(ChannelError, match='select was closed'):
        select.get(0)
    Select(loop, [latch])


def test_many_threads_take_each_item_once(loop: Loop) -> None:
    sources = [Latch(loop) for _ in range(5)]
    select = Select(loop, sources, oneshot=False)
    got: list[int] = []

    def work() -> None:
        try:
            while True:
                got.append(select.get(LONG))
        except ChannelError:
            pass

    threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(500):
        sources[i % 5].put(i)
    while not all(source.empty() for source in sources):
        threads[0].join(0.001)
    select.close()
    for thread in threads:
        thread.join(LONG)
        assert not thread.is_alive()
    assert sorted(got) == list(range(500))


def test_many_sources_are_not_named(loop: Loop) -> None:
    """Whoever looks again and again has no time for that."""
    select: Select[Any] = Select(loop, [Latch(loop) for _ in range(1000)])
    with pytest.raises(TimeoutError, match=r'^Select\(1000 sources\): nothing arrived in time$'):
        select.get(0)
