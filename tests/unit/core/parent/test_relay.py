"""What a child may say of the tree below it, and no more."""

from typing import Any

import pytest

from svcfw.core import handles
from svcfw.core.parent import relay
from svcfw.core.wire.frames import DEAD, Frame
from tests.support.routers import Peer, Served
from tests.unit.core.peers import encoded, settled


@pytest.mark.parametrize('claim', [(2, 'x'), (0, 'x'), (1, 'x'), (128, 'x'), (63, 'x'), ('64', 'x'), 64, (64, None)])
def test_a_route_that_was_not_granted(scene: tuple[Served, Peer, Peer], claim: Any) -> None:
    top, evil, _ = scene
    victims = top.router.link_for(2)
    evil.send(Frame(0, 1, 1, handles.ADD_ROUTE, 44, 0, encoded(top, claim)))
    assert evil.receive().flags == DEAD
    assert top.router.link_for(2) is victims
    assert top.router.link_for(128) is None


@pytest.mark.parametrize('claim', [(2, 'gone'), (0, 'gone'), (1, 'gone'), (99, 'gone')])
def test_the_end_of_whom_it_does_not_answer_for(scene: tuple[Served, Peer, Peer], claim: Any) -> None:
    top, evil, _ = scene
    evil.send(Frame(0, 1, 1, handles.DEL_ROUTE, 44, 0, encoded(top, claim)))
    assert evil.receive().flags == DEAD
    assert top.router.link_for(1) is not None
    assert top.router.link_for(2) is not None


def test_names_have_a_largest_size(scene: tuple[Served, Peer, Peer]) -> None:
    top, evil, _ = scene
    evil.send(Frame(0, 1, 1, handles.ADD_ROUTE, 0, 0, encoded(top, (64, 'x' * 10**6))))
    settled(top, evil)
    assert len(str(top.router.context(64))) == relay.MAX_NAME_CHARS


def test_only_a_neighbour_speaks_of_the_tree(scene: tuple[Served, Peer, Peer]) -> None:
    """A grandchild cannot have its parent, or its siblings, forgotten."""
    top, evil, _ = scene
    for context_id in (64, 65):
        evil.send(Frame(0, 1, 1, handles.ADD_ROUTE, 0, 0, encoded(top, (context_id, 'below'))))
    for handle, value in (
        (handles.DEL_ROUTE, (1, 'gone')),
        (handles.DEL_ROUTE, (65, 'gone')),
        (handles.ADD_ROUTE, (66, 'mine')),
        (handles.ALLOCATE_ID, None),
    ):
        evil.send(Frame(0, 64, 64, handle, 44, 0, encoded(top, value)))
        assert evil.receive().flags == DEAD
    assert top.router.link_for(1) is top.router.link_for(65) is not None
    assert top.router.link_for(66) is None


def test_there_is_a_largest_number_of_contexts_behind_one_link(scene: Any, monkeypatch: Any) -> None:
    top, evil, _ = scene
    monkeypatch.setattr(relay, 'MAX_DESCENDANTS', 3)

    def claim(context_id: int) -> Any:
        evil.send(Frame(0, 1, 1, handles.ADD_ROUTE, 0, 0, encoded(top, (context_id, 'x'))))
        settled(top, evil)
        return top.router.link_for(context_id)

    assert all(claim(context_id) for context_id in (64, 65, 66, 66, 65))
    assert claim(67) is None
    evil.send(Frame(0, 1, 1, handles.DEL_ROUTE, 0, 0, encoded(top, (65, 'gone'))))
    assert claim(67) is not None
