"""Contexts that are neither above nor below, and that a context above lets speak all the same."""

import pytest

from svcfw.core import beside
from svcfw.core.context import Context
from svcfw.core.wire.errors import ChannelError
from svcfw.core.wire.frames import Frame
from svcfw.service.callers import caller
from tests.support.routers import LONG, Tree, tree

STRANGER = 77


class Site:
    """A child that knows a context beside it, and what it has heard of it."""

    def __init__(self, made: Tree) -> None:
        self.master = made.master()
        self.child = made.child(self.master, 1, 'child', (10, 20))
        self.sibling = made.child(self.master, 2, 'sibling')
        self.grandchild = made.child(self.child, 10, 'grandchild')
        self.child.do(lambda: beside.listen(self.child.router))
        self.here = Context(self.master.router, self.child.router.own_id)

    def admit(self, **facts: object) -> None:
        self.master.router.send(beside.admission(self.here, STRANGER, facts))
        self.settle()

    def dismiss(self) -> None:
        self.master.router.send(beside.dismissal(self.here, STRANGER, 'it went'))
        self.settle()

    def settle(self) -> None:
        for served in (self.master, self.child, self.master, self.child):
            served.settle()


def test_it_is_there_from_its_admission_to_its_dismissal() -> None:
    with tree() as made:
        site = Site(made)
        router = site.child.router
        stranger = router.context(STRANGER)
        assert not router.has_route(stranger)
        site.admit(name='x')
        assert router.has_route(stranger)
        gone: list[str] = []
        router.on_gone(stranger, gone.append)
        site.dismiss()
        assert gone == ['it went']
        assert not router.has_route(stranger)


def test_what_waits_for_it_hears_of_its_end() -> None:
    with tree() as made:
        site = Site(made)
        router = site.child.router
        site.admit()
        dead: list[str] = []
        router.add_handler(lambda message: dead.append(message.reason), respondent=router.context(STRANGER))
        site.dismiss()
        assert dead == ['it went']


def test_what_is_attested_is_told_of_itself_alone() -> None:
    with tree() as made:
        site = Site(made)
        router = site.child.router
        site.admit(name='x')

        def message(src: int, auth: int) -> object:
            return type('Message', (), {'router': router, 'src_id': src, 'auth_id': auth})

        assert caller(message(STRANGER, STRANGER)).name == 'x'
        for src, auth in ((STRANGER, 5), (5, STRANGER), (5, 5)):
            with pytest.raises(AttributeError, match='nothing is attested'):
                _ = caller(message(src, auth)).name


def test_only_a_context_above_admits() -> None:
    with tree() as made:
        site = Site(made)
        grandchild = site.grandchild.router
        context = grandchild.context(site.child.router.own_id)
        value = (STRANGER, {'name': 'x'}, '')
        with pytest.raises(ChannelError, match='may not use handle'):
            context.request(beside.ADMIT, value, LONG)
        assert not site.child.router.has_route(site.child.router.context(STRANGER))


def test_relay_passes_such_frames_only_where_it_is_told_to() -> None:
    with tree() as made:
        site = Site(made)
        master, child, sibling = site.master, site.child, site.sibling
        frame = Frame(sibling.router.own_id, child.router.own_id, child.router.own_id, 5000, 0, 0, b'')
        heard: list[Frame] = []
        assert master.router.relay is not None
        master.router.relay.passes = lambda source, passed: bool(heard.append(passed) or True)
        child.router.send(frame)
        for served in (child, master, child, master):
            served.settle()
        assert [(each.src, each.dst) for each in heard] == [(frame.src, frame.dst)]
