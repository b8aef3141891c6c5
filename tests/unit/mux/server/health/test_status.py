"""What is shown of contexts: their states and their calls, and no argument of any."""

import os
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.mux.server.health.status import status


class Node:
    """A context with `fields` other than usual."""

    def __init__(self, root: Any = None, **fields: Any) -> None:
        self.root = root or self
        self.name, self.dead, self.facts, self.is_retired = 'web1', None, {'user': 'me'}, False
        self.context: Any = SimpleNamespace(id=1)
        self.router = SimpleNamespace(link_for=lambda number: SimpleNamespace(queued_bytes=11))
        self.flow = SimpleNamespace(under_way=lambda: 22)
        self.remote_cache = SimpleNamespace(kept_bytes=lambda: 33)
        self.began_at, self.since, self.asked, self.below = 10.0, 15.0, [], []  # type: ignore[var-annotated]
        vars(self).update(fields)

    def is_idle(self) -> bool:
        return not self.asked

    def idle_since(self) -> float:
        return self.since

    def calls(self) -> list[tuple[str, float]]:
        return self.asked

    def waiters(self) -> int:
        return 4

    def all_children(self) -> list[Any]:
        return self.below


def shown(*nodes: Node) -> Any:
    return status(20.0, 5.0, nodes, [])['contexts']  # type: ignore[arg-type]


def test_the_process_and_its_clients() -> None:
    clients = [SimpleNamespace(held_bytes=lambda: 3), SimpleNamespace(held_bytes=lambda: 4)]
    found = status(20.0, 5.0, [], clients)
    assert found == {'pid': os.getpid(), 'age_s': 15.0, 'clients': 2, 'clients_bytes': 7, 'contexts': []}


@pytest.mark.parametrize(
    ('fields', 'state'),
    [
        ({}, 'up'),
        ({'facts': None}, 'starts'),
        ({'facts': None, 'context': None}, 'starts'),
        ({'is_retired': True}, 'ends when done'),
        ({'dead': 'it was ended', 'is_retired': True}, 'ends'),
    ],
)
def test_states(fields: Any, state: str) -> None:
    assert shown(Node(**fields))[0]['state'] == state


def test_an_idle_context_and_one_with_calls() -> None:
    idle, busy = shown(Node(), Node(asked=[('module', 18.0)]))
    assert (idle['idle_s'], idle['age_s'], idle['calls']) == (5.0, 10.0, [])
    assert (busy['idle_s'], busy['calls'], busy['wait_for_it']) == (0.0, [('module', 2.0)], 4)


def test_the_link_is_the_roots() -> None:
    root = Node()
    root.below = [Node(root, name='web1, root', facts=None)]
    (found,) = shown(root)
    assert [found[key] for key in ('queued_bytes', 'under_way_bytes', 'kept_there_bytes')] == [11, 22, 33]
    (child,) = found['children']
    assert [child[key] for key in ('queued_bytes', 'under_way_bytes', 'kept_there_bytes')] == [0, 0, 33]
    assert (child['name'], child['account'], found['account']) == ('web1, root', '', 'me')
