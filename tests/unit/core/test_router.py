"""Routing among routers of one process: what passes, what is refused, and who learns of an end."""

from typing import Any

import pytest

from svcfw.core import handles
from svcfw.core.context import Context, Sender
from svcfw.core.parent.relay import relay_of
from svcfw.core.receivers.channel import Receiver
from svcfw.core.wire.errors import ChannelError, TimeoutError
from svcfw.core.wire.frames import Frame
from svcfw.core.wire.link import Goodbye, Link
from tests.support.routers import LONG, Served, Tree
from tests.support.timing import wait_until


@pytest.fixture
def family(made: Tree) -> tuple[Served, Served, Served, Served]:
    """0 - 1 - 64, and 2 beside them."""
    top = made.master()
    assert relay_of(top.router).reserve_ids(127) == (1, 127)
    child = made.child(top, 1, 'child', ids=(64, 127))
    grandchild = made.child(child, 64, 'grandchild')
    sibling = made.child(top, 2, 'sibling')
    for served in (child, top):
        served.settle()
    return top, child, grandchild, sibling


def echo(served: Served, handle: int = 500) -> None:
    served.router.add_handler(lambda message: message.reply((served.router.name, message.value())), handle)


def silent(served: Served, handle: int = 500) -> None:
    served.router.add_handler(lambda message: None, handle)


def encoded(served: Served, value: Any) -> bytes:
    return served.router.codec.encode(value)


class TestPassage:
    @pytest.mark.parametrize(('asker', 'asked'), [(0, 1), (1, 0), (0, 2), (2, 1)])
    def test_ancestors_and_descendants_speak(self, family: tuple[Served, ...], asker: int, asked: int) -> None:
        echo(family[asked])
        context = family[asker].router.context(family[asked].router.own_id)
        assert context.request(500, 'x', LONG) == (family[asked].router.name, 'x')

    def test_siblings_do_not(self, family: tuple[Served, ...]) -> None:
        _, child, grandchild, sibling = family
        echo(child)
        for asker in (sibling, grandchild):
            target = asker.router.context(1 if asker is sibling else 2)
            with pytest.raises(ChannelError, match='neither ancestor nor descendant'):
                target.request(500, 'x', LONG)

    def test_a_context_speaks_with_itself(self, family: tuple[Served, ...]) -> None:
        top = family[0]
        echo(top)
        assert top.router.myself().request(500, 'x', LONG) == ('master', 'x')

    def test_values_of_all_kinds(self, family: tuple[Served, ...]) -> None:
        top, child = family[:2]
        echo(child)
        context = top.router.context(1)
        sent = {'context': context, 'sender': Sender(context, 7), 'more': [None, 1 << 80, {'a': b'b'}]}
        _, got = context.request(500, sent, LONG)
        assert got == sent
        assert got['context'] is context, 'a context that is known is the same object'
        assert got['sender'].context.router is top.router

    def test_large_payloads_through_an_intermediate(self, family: tuple[Served, ...]) -> None:
        top, _, grandchild, _ = family
        echo(grandchild)
        context = top.router.context(64)
        payload = bytes(3 * 1024 * 1024)
        replies = [context._request_later(500, payload) for _ in range(8)]
        assert all(reply.get(LONG)[1] == payload for reply in replies)

    def test_an_unknown_context_and_an_unknown_handle(self, family: tuple[Served, ...]) -> None:
        top, child = family[:2]
        with pytest.raises(ChannelError, match='no route to context 99'):
            top.router.context(99).request(500, 'x', LONG)
        with pytest.raises(ChannelError, match='child has no handle 555'):
            top.router.context(1).request(555, 'x', LONG)
        with pytest.raises(ChannelError):
            child.router.context(99).request(500, 'x', LONG)

    def test_a_handler_that_fails_answers_and_hurts_nobody(self, family: tuple[Served, ...]) -> None:
        top, child = family[:2]
        child.router.add_handler(lambda message: message.value()['nothing'], 500)
        echo(child, 501)
        with pytest.raises(ChannelError, match='TypeError'):
            top.router.context(1).request(500, (), LONG)
        assert top.router.context(1).request(501, 'x', LONG)
        assert [level for level, _ in child.logged] == [40]

    def test_a_policy_that_fails_refuses(self, family: tuple[Served, ...]) -> None:
        top, child = family[:2]
        child.router.add_handler(lambda message: message.reply(1), 500, policy=lambda message: [][0])
        with pytest.raises(ChannelError, match='IndexError'):
            top.router.context(1).request(500, None, LONG)

    def test_nonsense_in_a_payload_costs_nobody_the_link(self, made: Tree) -> None:
        top = made.master()
        peer = made.peer(top, 1, 'peer')
        echo(top)
        peer.send(Frame(0, 1, 1, handles.ADD_ROUTE, 0, 0, b'\xff nonsense'))
        peer.send(Frame(0, 1, 1, 500, 7, 0, encoded(top, 'x')))
        assert peer.receive().handle == 7


class TestTheTree:
    def test_ids_come_in_blocks_from_the_top(self, family: tuple[Served, ...]) -> None:
        top, child, grandchild, sibling = family
        assert child.router.allocate_id() == 64
        first = grandchild.router.allocate_id()
        assert grandchild.router.allocate_id() == first + 1
        assert sibling.router.allocate_id() >= first + handles.ID_BLOCK
        assert relay_of(child.router).reserve_ids(10) is None
        assert relay_of(top.router).reserve_ids(10)[0] > first

    def test_a_refused_block_is_told_on(self, family: tuple[Served, ...], monkeypatch: Any) -> None:
        top, _, grandchild, _ = family
        monkeypatch.setattr('svcfw.core.wire.routes.MAX_BLOCKS', 1)
        before = top.router.allocate_id()
        with pytest.raises(ChannelError, match='too many blocks'):
            grandchild.router.allocate_id()
        assert top.router.allocate_id() == before + 1

    def test_routes_are_told_up(self, family: tuple[Served, ...]) -> None:
        top = family[0]
        assert top.router.link_for(64) is top.router.link_for(1)
        assert str(top.router.context(64)) == 'grandchild'
        assert top.router.has_route(top.router.context(64))
        assert not top.router.has_route(top.router.context(65))

    def test_handles_do_not_collide_after_the_last(self, made: Tree) -> None:
        router = made.master().router
        kept = router.add_handler(print)
        router._next_handle = 0xFFFFFFFF
        assert [router.add_handler(print) for _ in range(2)] == [0xFFFFFFFF, kept + 1]


class TestTheEnd:
    def test_the_loss_of_one_above_is_the_end(self, family: tuple[Served, ...]) -> None:
        _, child, grandchild, _ = family
        gone: list[str] = []
        for context_id in (0, 1, 64):
            grandchild.router.on_gone(grandchild.router.context(context_id), gone.append)
        grandchild.settle()
        assert gone == []
        child.do(lambda: child.router.shutdown('over'))
        wait_until(lambda: len(gone) == 3, LONG, 'all of them were told')
        assert set(gone) == {'parent has shut down'}

    def test_a_lost_child_wakes_who_waits_for_it_or_below_it(self, made: Tree) -> None:
        top = made.master()
        peer, other = made.peer(top, 1, 'child', ids=(64, 127)), made.peer(top, 2, 'other')
        peer.send(Frame(0, 1, 1, handles.ADD_ROUTE, 9, 0, encoded(top, (64, 'below'))))
        peer.send(Frame(0, 1, 1, 499, 999))
        peer.receive()
        gone: list[str] = []
        for context_id in (1, 64):
            top.router.on_gone(top.router.context(context_id), gone.append)
        replies = [top.router.context(context_id)._request_later(500, None) for context_id in (1, 64)]
        kept = top.router.context(2)._request_later(500, None)
        receiver = Receiver(top.router, respondent=top.router.context(64))
        peer.sock.close()
        for reply in (*replies, receiver):
            with pytest.raises(ChannelError, match='child: '):
                reply.get(LONG)
        top.settle()
        assert len(gone) == 2
        assert top.router.link_for(64) is None
        with pytest.raises(TimeoutError):
            kept.get(0)
        assert other.receive().handle == 500

    def test_the_loss_of_a_grandchild_is_told_up(self, family: tuple[Served, ...]) -> None:
        top, child, grandchild, _ = family
        silent(grandchild)
        silent(child)
        reply, kept = (top.router.context(context_id)._request_later(500, None) for context_id in (64, 1))
        child.router.link_for(64)
        grandchild.do(lambda: grandchild.router._parent_link.close('killed'))
        with pytest.raises(ChannelError, match='grandchild'):
            reply.get(LONG)
        assert top.router.link_for(64) is None
        with pytest.raises(TimeoutError):
            kept.get(0)

    def test_a_lost_parent_ends_all_below(self, family: tuple[Served, ...]) -> None:
        top, child, grandchild, _ = family
        ended: list[str] = []
        child.router.on_shutdown(lambda: [][0])
        child.router.on_shutdown(lambda: ended.append('child'))
        grandchild.router.on_shutdown(lambda: ended.append('grandchild'))
        silent(top)
        reply = grandchild.router.context(0)._request_later(500, None)
        top.do(lambda: top.router.link_for(1).close('killed'))
        with pytest.raises(ChannelError):
            reply.get(LONG)
        assert ended == ['child', 'grandchild']
        assert child.router.closed

    def test_a_context_that_is_gone_already_is_told_at_once(self, made: Tree) -> None:
        top = made.master()
        gone: list[str] = []
        top.router.on_gone(Context(top.router, 9, 'nobody'), gone.append)
        top.settle()
        assert gone == ['nobody is gone']

    def test_shutdown_is_asked_for_and_accepted(self, family: tuple[Served, ...]) -> None:
        top, _, grandchild, sibling = family
        for served in (sibling, grandchild):
            top.router.context(served.router.own_id).shutdown(LONG)
            served.settle()
            assert 'told to shut down' in served.router.closed

    def test_shutdown_of_one_that_is_gone_is_done(self, made: Tree) -> None:
        top = made.master()
        peer = made.peer(top, 1, 'child')
        context = top.router.context(1)
        peer.sock.close()
        context.shutdown(LONG)
        context.shutdown(LONG)

    def test_shutdown_says_goodbye_and_wakes_everybody(self, made: Tree) -> None:
        top = made.master()
        peer = made.peer(top, 1, 'child')
        reply = top.router.context(1)._request_later(500, None)
        top.router.shutdown('enough')
        top.router.shutdown('more than enough')
        with pytest.raises(ChannelError, match='enough'):
            reply.get(LONG)
        assert peer.receive().handle == 500
        assert isinstance(peer.receive(), Goodbye)
        with pytest.raises(ChannelError, match='enough'):
            top.router.context(1).request(500, None, LONG)

    def test_one_handler_that_fails_at_the_end_keeps_no_other_from_it(self, made: Tree) -> None:
        top = made.master()
        peer = made.peer(top, 1, 'child')
        context = top.router.context(1)
        context.request_async(500, None, lambda message: message.value())
        context.request_async(500, None, lambda message: [][0])
        reply = context._request_later(500, None)
        peer.sock.close()
        with pytest.raises(ChannelError):
            reply.get(LONG)


def test_a_child_that_reads_no_answers_gets_few(made: Tree) -> None:
    """A thousand small requests come by one read; each answer is large."""
    top = made.master()
    peer = made.peer(top, 1, 'peer')
    answered: list[int] = []

    def answer(message: Any) -> None:
        answered.append(message.frame.reply_to)
        message.reply(bytes(1024 * 1024))

    top.router.add_handler(answer, 500)
    link = Link()
    requests = [Frame(0, 1, 1, 500, 1000 + i, 0, b'') for i in range(1000)]
    peer.sock.sendall(b''.join(map(link.frame_header, requests)))
    wait_until(lambda: answered, LONG, 'the first answer')
    top.settle()
    assert len(answered) < 10
    assert [peer.receive().handle for _ in range(1000)] == [request.reply_to for request in requests]
