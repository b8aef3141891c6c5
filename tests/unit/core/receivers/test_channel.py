"""Receivers and channels between two routers."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from svcfw.core.context import Sender
from svcfw.core.receivers import channel
from svcfw.core.receivers.channel import Channel, Receiver
from svcfw.core.receivers.select import Select, SelectError
from svcfw.core.wire.errors import ChannelError, TimeoutError
from tests.support.routers import LONG, Served, Tree, tree


@pytest.fixture
def pair() -> Iterator[tuple[Served, Served]]:
    with tree() as made:
        top = made.master()
        yield top, made.child(top, 1, 'child')


def sender_at(served: Served, receiver: Receiver) -> Sender:
    """The receiver's sender as another context has it that was sent it."""
    receiver.router.encode_for(served.router.own_id, receiver.to_sender())
    return Sender(served.router.context(receiver.router.own_id), receiver.handle)


def test_messages_arrive_in_their_order(pair: tuple[Served, Served]) -> None:
    top, child = pair
    receiver = Receiver(top.router)
    sender = sender_at(child, receiver)
    for i in range(10):
        sender.send(i)
    assert [receiver.get(LONG).value() for _ in range(10)] == list(range(10))
    with pytest.raises(TimeoutError, match=rf'Receiver\({receiver.handle}\): nothing arrived within 0 s'):
        receiver.get(0)


def test_a_sender_that_travels_is_one(pair: tuple[Served, Served]) -> None:
    top, child = pair
    receiver, letters = Receiver(top.router), Receiver(child.router)
    sender_at(top, letters).send(receiver.to_sender())
    letters.get(LONG).value().send('hello')
    assert receiver.get(LONG).value() == 'hello'


def test_a_closed_sender_ends_the_receiver_after_the_last_message(pair: tuple[Served, Served]) -> None:
    top, child = pair
    receiver = Receiver(top.router)
    sender = sender_at(child, receiver)
    sender.send('last')
    sender.close('that was all')
    assert [message.value() for message in receiver] == ['last']
    for _ in range(2):
        with pytest.raises(ChannelError, match='that was all'):
            receiver.get(LONG)
    assert receiver.closed == 'that was all'


def test_every_waiter_learns_of_the_end(pair: tuple[Served, Served]) -> None:
    top, child = pair
    receiver = Receiver(top.router)
    ended: list[str] = []

    def wait() -> None:
        with pytest.raises(ChannelError):
            receiver.get(LONG)
        ended.append('')

    threads = [threading.Thread(target=wait, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    sender_at(child, receiver).close()
    for thread in threads:
        thread.join(LONG)
    assert len(ended) == 4


def test_a_closed_receiver_refuses(pair: tuple[Served, Served]) -> None:
    top, child = pair
    receiver = Receiver(top.router)
    receiver.close()
    receiver.close()
    with pytest.raises(ChannelError, match='no handle'):
        child.router.context(0).request(receiver.handle, 'x', LONG)


def test_a_fixed_handle(pair: tuple[Served, Served]) -> None:
    top, child = pair
    receiver = Receiver(top.router, 500)
    child.router.context(0).send(500, 'x')
    assert receiver.get(LONG).value() == 'x'
    with pytest.raises(ValueError, match='500'):
        Receiver(top.router, 500)


def test_the_end_of_the_router_ends_receivers_of_anybody(pair: tuple[Served, Served]) -> None:
    top, _ = pair
    anybody, fixed = Receiver(top.router), Receiver(top.router, 500)
    top.router.shutdown('bye')
    for receiver in (anybody, fixed):
        with pytest.raises(ChannelError, match='bye'):
            receiver.get(LONG)
    with pytest.raises(ChannelError, match='bye'):
        Receiver(top.router)


def test_a_flood_ends_the_receiver_and_not_the_program(pair: tuple[Served, Served], monkeypatch: Any) -> None:
    monkeypatch.setattr(channel, 'MAX_RECEIVER_BYTES', 1000)
    top, child = pair
    receiver = Receiver(top.router)
    sender = sender_at(child, receiver)
    for _ in range(100):
        sender.send(bytes(300))
        assert len(receiver.get(LONG).value()) == 300  # as long as somebody takes them, any number
    for _ in range(5):
        sender.send(bytes(300))
    top.settle()
    assert [len(message.value()) for message in receiver] == [300] * 3
    with pytest.raises(ChannelError, match='overflowed'):
        receiver.get(LONG)


def test_a_policy_and_a_respondent(pair: tuple[Served, Served]) -> None:
    top, child = pair
    closed = Receiver(top.router, policy=lambda message: False)
    with pytest.raises(ChannelError, match='may not use'):
        child.router.context(0).request(closed.handle, None, LONG)
    others = Receiver(top.router, respondent=top.router.context(77))
    child.router.context(0).send(others.handle, 'forged')
    top.settle()
    assert 'not asked' in top.logged[0][1]
    assert others.empty()


def test_a_channel_carries_both_ways(pair: tuple[Served, Served]) -> None:
    top, child = pair
    door = Receiver(child.router)
    ours = Channel(top.router, top.router.context(1), door.handle)
    ours.send(ours.receiver.to_sender())
    theirs = door.get(LONG).value()
    theirs.send('up')
    ours.send('down')
    assert ours.get(LONG).value() == 'up'
    assert door.get(LONG).value() == 'down'
    theirs.close()
    assert list(ours) == []
    ours.close()
    with pytest.raises(ChannelError):
        door.get(LONG)


def test_channels_are_sources_of_a_select(pair: tuple[Served, Served]) -> None:
    top, child = pair
    doors = [Receiver(child.router) for _ in range(2)]
    ours = [Channel(top.router, top.router.context(1), door.handle) for door in doors]
    theirs = [sender_at(child, channel.receiver) for channel in ours]
    theirs[1].send('before')
    top.settle()
    select = Select(top.router.loop, ours, oneshot=False)
    event = select.get_event(LONG)
    assert (event.source, event.data.value()) == (ours[1], 'before')
    theirs[0].send('after')
    event = select.get_event(LONG)
    assert (event.source, event.data.value()) == (ours[0], 'after')
    with pytest.raises(SelectError, match=r'Channel\(Receiver'):
        select.add(ours[0])
    theirs[1].close('the end')
    event = select.get_event(LONG)
    assert (event.source, str(event.data)) == (ours[1], 'the end')
    select.remove(ours[0])
    theirs[0].send('unheard by the select')
    assert ours[0].get(LONG).value() == 'unheard by the select'


def test_the_loss_of_its_context_ends_a_channel() -> None:
    with tree() as made:
        top = made.master()
        made_peer = Tree.peer(made, top, 1, 'child')
        ours = Channel(top.router, top.router.context(1), 1000)
        made_peer.sock.close()
        with pytest.raises(ChannelError, match='lost'):
            ours.get(LONG)


class TestWhoMayWrite:
    """To a receiver that was made without saying from whom: not whoever thinks of its handle."""

    def write(self, served: Served, receiver: Receiver, value: Any) -> None:
        Sender(served.router.context(receiver.router.own_id), receiver.handle).send(value)

    def test_only_who_was_sent_it(self, family: tuple[Served, ...]) -> None:
        top, child, other, _ = family
        receiver = Receiver(top.router)
        sender_at(child, receiver)
        Sender(other.router.context(0), receiver.handle).close('the end, says a stranger')
        self.write(other, receiver, 'from a stranger')
        other.settle()
        self.write(child, receiver, 'mine')
        assert receiver.get(LONG).value() == 'mine'
        assert receiver.empty()
        with pytest.raises(ChannelError, match='may not use handle'):
            other.router.context(0).request(receiver.handle, 'x', LONG)

    def test_nobody_below_before_it_was_sent(self, family: tuple[Served, ...]) -> None:
        top, child, _, _ = family
        receiver = Receiver(top.router)
        with pytest.raises(ChannelError, match='may not use handle'):
            child.router.context(0).request(receiver.handle, 'x', LONG)

    def test_who_was_sent_it_may_pass_it_on(self, family: tuple[Served, ...]) -> None:
        top, child, _, below = family
        receiver = Receiver(top.router)
        sender_at(child, receiver)
        self.write(below, receiver, 'from below')
        assert receiver.get(LONG).value() == 'from below'

    def test_what_was_sent_up_may_have_gone_to_any(self, family: tuple[Served, ...]) -> None:
        top, child, _, below = family
        receiver = Receiver(child.router)
        with pytest.raises(ChannelError, match='may not use handle'):
            below.router.context(1).request(receiver.handle, 'x', LONG)
        self.write(top, receiver, 'from above')
        assert receiver.get(LONG).value() == 'from above'
        sender_at(top, receiver)
        self.write(below, receiver, 'from below')
        assert receiver.get(LONG).value() == 'from below'

    def test_handles_are_not_counted_up(self, family: tuple[Served, ...]) -> None:
        numbers = sorted(Receiver(family[0].router).handle for _ in range(100))
        assert len(set(numbers)) == 100
        assert numbers[-1] - numbers[0] > 1 << 24


@pytest.fixture
def family() -> Iterator[tuple[Served, ...]]:
    """The top, two children, and one below the first."""
    with tree() as made:
        top = made.master()
        child = made.child(top, 1, 'child', (10, 19))
        yield top, child, made.child(top, 2, 'other'), made.child(child, 10, 'below')
