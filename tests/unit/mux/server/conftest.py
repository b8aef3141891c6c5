"""Nodes in each of their states."""

import pytest

from svcfw.agent import ops
from svcfw.mux.server import root_node as module
from svcfw.mux.server.child_node import ChildNode
from tests.unit.mux.server.fakes import FakeClient
from tests.unit.mux.server.nodes import FACTS, Router, Starter, come_up, make_root


@pytest.fixture
def client():
    return FakeClient()


@pytest.fixture
def router():
    made = Router()
    made.links = {1: 'link', 2: 'link', 9: 'other link'}
    return made


@pytest.fixture
def root(router, monkeypatch):
    monkeypatch.setattr(module, 'Starter', Starter)
    monkeypatch.setattr(Starter, 'error', None)
    return make_root(router)


@pytest.fixture
def child(root):
    come_up(root)
    shown = []
    made = ChildNode(root, 'x' * 500, 7, ['/bin/sh'], False, 'M', 10, shown.append)
    made.shown = shown
    made.outcomes = []
    made.when_ready(made.outcomes.append)
    root.children['k'] = made
    return made


@pytest.fixture
def ready_child(child):
    child.router.say((ops.CHILD_READY, 2, FACTS))
    child.router.loop.turn()
    return child
