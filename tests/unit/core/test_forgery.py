"""What a context may not do to others: speak in their name, answer for them, claim or end them, fill their memory."""

from typing import Any

import pytest

from svcfw.core import handles
from svcfw.core.message import Message, has_parent_authority
from svcfw.core.wire.errors import ChannelError, TimeoutError
from svcfw.core.wire.frames import DEAD, Frame
from tests.support.routers import LONG, Peer, Served, Tree
from tests.unit.core.peers import encoded, settled


@pytest.mark.parametrize(('src', 'auth'), [(2, 2), (0, 0), (1, 0), (1, 2), (2, 1), (77, 77), (64, 64)])
def test_a_frame_in_the_name_of_another(scene: tuple[Served, Peer, Peer], src: int, auth: int) -> None:
    top, evil, victim = scene
    got: list[Message] = []
    top.router.add_handler(got.append, 500)
    evil.send(Frame(0, src, auth, 500, 33, 0, encoded(top, 'x')))
    settled(top, evil)
    assert not got
    assert 'refused a frame' in top.logged[0][1]
    victim.sock.settimeout(0)
    with pytest.raises(BlockingIOError):
        victim.receive()  # and nobody is told in its name either


def test_an_answer_from_whom_was_not_asked(scene: tuple[Served, Peer, Peer]) -> None:
    top, evil, victim = scene
    reply = top.router.context(2)._request_later(500, 'x')
    asked = victim.receive()
    for flags in (0, DEAD):
        evil.send(Frame(0, 1, 1, asked.reply_to, 0, flags, encoded(top, 'forged')))
    settled(top, evil)
    assert 'was not asked' in top.logged[0][1]
    victim.send(Frame(0, 2, 2, asked.reply_to, 0, 0, encoded(top, 'true')))
    assert reply.get(LONG) == 'true'


def test_a_grandchild_cannot_tell_the_end_of_another_below_the_same_link(scene: Any) -> None:
    top, evil, _ = scene
    for context_id in (64, 65):
        evil.send(Frame(0, 1, 1, handles.ADD_ROUTE, 0, 0, encoded(top, (context_id, 'below'))))
    settled(top, evil)
    reply = top.router.context(64)._request_later(500, 'x')
    asked = evil.receive()
    evil.send(Frame(0, 65, 65, asked.reply_to, 0, DEAD, b'forged'))
    settled(top, evil)
    with pytest.raises(TimeoutError):
        reply.get(0)
    evil.send(Frame(0, 1, 1, asked.reply_to, 0, DEAD, b'true'))
    with pytest.raises(ChannelError, match='true'):
        reply.get(LONG)


def test_a_child_cannot_shut_its_parent_down(made: Tree) -> None:
    top = made.master()
    child = made.child(top, 1, 'child')
    with pytest.raises(ChannelError, match='may not use'):
        child.router.context(0).shutdown(LONG)
    assert top.router.closed is None


def test_policies_look_at_the_authority(made: Tree) -> None:
    top = made.master()
    child = made.child(top, 1, 'child', ids=(64, 127))
    grandchild = made.child(child, 64, 'grandchild')
    child.router.add_handler(lambda message: message.reply('done'), 500, policy=has_parent_authority)
    assert top.router.context(1).request(500, None, LONG) == 'done'
    with pytest.raises(ChannelError, match='may not use'):
        grandchild.router.context(1).request(500, None, LONG)


def test_a_child_that_reads_no_answers_is_not_heard_for_ever(made: Tree) -> None:
    top = made.master()
    peer = made.peer(top, 1, 'glutton')
    answered: list[int] = []
    top.router.add_handler(lambda message: (answered.append(1), message.reply(bytes(1024 * 1024))), 500)
    peer.sock.settimeout(1)
    question = Frame(0, 1, 1, 500, 9, 0, encoded(top, bytes(100_000)))

    def ask_for_ever() -> None:
        while True:
            peer.send(question)

    with pytest.raises(OSError, match='timed out'):
        ask_for_ever()
    top.settle()
    assert len(answered) < 20


NONSENSE = {
    'a forged source': lambda: Frame(0, 2, 2, 500),
    'another sibling': lambda: Frame(2, 1, 1, 500),
    'an answer that was not asked for': lambda: Frame(0, 1, 1, 1000),
    'no value': lambda: Frame(0, 1, 1, handles.ADD_ROUTE, 0, 0, b'\xff'),
    'a route that was not granted': lambda: Frame(0, 1, 1, handles.ADD_ROUTE, 0, 0, b'\x10\x02\x80\x80'),
    'very many values': lambda: Frame(0, 1, 1, handles.ADD_ROUTE, 0, 0, b'\x11\0\0\x02\0' + b'\x16\0' * 512),
}


@pytest.mark.parametrize('kind', NONSENSE)
def test_who_is_refused_again_and_again_is_not_heard_any_more(made: Tree, monkeypatch: Any, kind: str) -> None:
    monkeypatch.setattr('svcfw.core.parent.conduct.MAX_REFUSED', 10)
    monkeypatch.setattr('svcfw.core.parent.conduct.REFUSED_PER_S', 0)
    top = made.master()
    evil, victim = made.peer(top, 1, 'evil', ids=(64, 127)), made.peer(top, 2, 'victim')
    assert top.router.add_handler(print, respondent=top.router.context(2)) == 1000
    gone: list[str] = []
    top.router.on_gone(top.router.context(1), gone.append)
    for _ in range(10):
        evil.send(NONSENSE[kind]())
    settled(top, evil)
    assert not gone
    evil.send(NONSENSE[kind]())
    assert evil.is_closed()
    top.settle()
    assert 'refused too many frames; the last: ' in gone[0]
    assert len(top.logged) == 12
    assert top.router.link_for(2) is not None
    victim.send(Frame(0, 2, 2, 499, 999))
    assert victim.receive().handle == 999


def test_for_those_below_it_a_child_does_not_answer(scene: tuple[Served, Peer, Peer], monkeypatch: Any) -> None:
    top, evil, _ = scene
    monkeypatch.setattr('svcfw.core.parent.conduct.Bucket.take', lambda self, cost=1: False)
    evil.send(Frame(0, 1, 1, handles.ADD_ROUTE, 0, 0, encoded(top, (64, 'below'))))
    evil.send(Frame(0, 64, 64, handles.CANCEL_SERVICE, 0, 0, b'\xff'))
    top.router.add_handler(lambda message: message.small_value(), handles.CANCEL_SERVICE)
    settled(top, evil)
    assert top.router.link_for(1) is not None
