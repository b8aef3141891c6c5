"""Children that another context starts for us: what its answers can make us believe, and what becomes of late ones."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from svcfw.core import handles
from svcfw.core.context import Context
from svcfw.core.latch import Latch
from svcfw.core.parent.relay import relay_of
from svcfw.core.wire.errors import StartError, TimeoutError
from svcfw.core.wire.frames import Frame
from svcfw.transport import children
from tests.support.routers import LONG, Peer, Served, tree

NEW, OLD = 64, 65


class Web:
    """A context that starts others as its test says; beside it is `build`, which it has nothing to do with."""

    def __init__(self, top: Served, peer: Peer, build: Peer) -> None:
        self.top = top
        self.peer = peer
        self.build = build
        self.context = top.router.context(1)
        self.has_answered = threading.Event()
        self._say_new(OLD)

    def start(self, answer: Callable[[], Any], *, is_late: bool = False, **options: Any) -> Context:
        """Have it start a child, and answer so; is_late: once we have given up."""
        is_over = threading.Event()

        def serve() -> None:
            asked = self.peer.receive()
            assert asked.handle == handles.CHILDREN
            assert not is_late or is_over.wait(LONG)
            payload = self.top.router.codec.encode(answer())
            self.peer.send(Frame(0, 1, 1, asked.reply_to, 0, 0, payload))
            self.has_answered.set()

        served = threading.Thread(target=serve, daemon=True)
        served.start()
        try:
            return children.local(self.top.router, name='db', via=self.context, **options)
        finally:
            is_over.set()
            served.join(LONG)
            self.top.settle()

    def names_new(self) -> tuple[None, Context]:
        """As it is meant to be."""
        self._say_new(NEW)
        return None, Context(self.top.router, NEW)

    def _say_new(self, context_id: int) -> None:
        value = self.top.router.codec.encode((context_id, 'new'))
        self.peer.send(Frame(0, 1, 1, handles.ADD_ROUTE, 0, 0, value))
        self.top.settle()


@pytest.fixture
def web() -> Iterator[Web]:
    with tree() as made:
        top = made.master()
        peer = made.peer(top, 1, 'web', ids=(64, 127))
        yield Web(top, peer, made.peer(top, 2, 'build'))


def test_one_that_keeps_to_it_is_believed(web: Web) -> None:
    assert web.start(web.names_new).id == NEW


@pytest.mark.parametrize('context_id', [0, 1, 2, OLD, NEW, 99])
def test_no_context_but_a_new_one_below_it_is_believed(web: Web, context_id: int) -> None:
    with pytest.raises(
        StartError, match='by way of web: malformed answer of web: expected the id of a new context'
    ) as raised:
        web.start(lambda: (None, Context(web.top.router, context_id)))
    assert raised.value.kind == 'died'


@pytest.mark.parametrize(
    'answer',
    [5, None, (), (None, None), (None, 7), (('died',), None), (('died', 'a', 'b', 'c', 'd'), None), (5, None)],
)
def test_an_answer_of_another_shape_is_a_start_that_failed(web: Web, answer: Any) -> None:
    with pytest.raises(StartError, match='malformed answer of ') as raised:
        web.start(lambda: answer)
    assert raised.value.kind == 'died'


def test_why_it_failed_is_told(web: Web) -> None:
    with pytest.raises(StartError, match='db: by way of web: no way') as raised:
        web.start(lambda: (('auth', 'db', 'no way', '', 5), None))
    assert (raised.value.kind, raised.value.status) == ('auth', 5)
    with pytest.raises(StartError, match='no way') as raised:
        web.start(lambda: (('kind of its own', 'db', 'no way', '', None), None))
    assert raised.value.kind == 'died'


class TestLate:
    @pytest.fixture(autouse=True)
    def _short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(children, '_MARGIN_S', 0)

    def late(self, web: Web, answer: Callable[[], Any]) -> None:
        with pytest.raises(StartError, match='no answer from web') as raised:
            web.start(answer, is_late=True, timeout_s=0.01)
        assert raised.value.kind == 'timeout'

    def test_it_is_let_go_of(self, web: Web) -> None:
        self.late(web, web.names_new)
        asked = web.peer.receive()
        assert (asked.handle, web.top.router.codec.decode(asked.payload)) == (handles.CHILDREN, ('let go', NEW))

    @pytest.mark.parametrize('context_id', [1, 2, OLD])
    def test_another_one_is_not(self, web: Web, context_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
        let_go: list[int] = []
        monkeypatch.setattr(children, '_let_go', lambda router, context_id: let_go.append(context_id))
        self.late(web, lambda: (None, Context(web.top.router, context_id)))
        assert not let_go

    @pytest.mark.parametrize('error', [TimeoutError, KeyboardInterrupt])
    def test_it_is_let_go_of_when_it_came_while_we_gave_up(
        self, web: Web, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Impatient(Latch):
            def get(self, timeout: float | None = None) -> Any:
                if timeout is None:
                    return Latch.get(self, timeout)
                assert web.has_answered.wait(LONG)
                web.top.settle()
                raise error('too late')

        monkeypatch.setattr(children, 'Latch', Impatient)
        with pytest.raises((StartError, KeyboardInterrupt)):
            web.start(web.names_new)
        asked = web.peer.receive()
        assert (asked.handle, web.top.router.codec.decode(asked.payload)) == (handles.CHILDREN, ('let go', NEW))


def test_only_what_is_or_was_below_is_let_go_of() -> None:
    with tree() as made:
        top = made.master()
        relay_of(top.router).reserve_ids(127)
        child = made.child(top, 1, 'child', ids=(64, 127))
        made.peer(top, 2, 'sibling')
        below = made.peer(child, 64, 'below')
        context = child.router.context(64)
        below.sock.close()
        context.disconnect(LONG)
        context.disconnect(LONG)
        Context(child.router, 65).disconnect(LONG)
        for other in (0, 1, 2, 128):
            with pytest.raises(ValueError, match='is not a descendant'):
                Context(child.router, other).disconnect(LONG)
        while child.router.allocate_id() <= 127:
            pass
        Context(child.router, 128 + handles.ID_BLOCK // 2).disconnect(LONG)
