"""Which contexts of other accounts end, and when."""

import pytest

from svcfw.agent.requests import Fetch
from svcfw.mux.requests import Command, Module
from svcfw.mux.server import keeping
from svcfw.mux.server.keeping import KEEP_S, MAX_AGE_S, MAX_KEPT
from tests.support.jobs import module_job, source_job
from tests.support.loops import StillLoop
from tests.unit.mux.server.fakes import FakeNode


class Router:
    def __init__(self):
        self.loop = StillLoop()


class Child(FakeNode):
    def __init__(self, user='app', uid=1000, *, idle_since=0.0, busy=False):
        super().__init__(2)
        self.facts = {'user': user, 'uid': uid}
        self.started_at = 0.0
        self.busy = busy
        self.retirements = 0
        self._idle_since = idle_since
        self._on_gone = []
        self.router = Router()

    def is_idle(self):
        return not self.busy

    def idle_since(self):
        return self._idle_since

    def retire(self):
        self.is_retired = True
        self.retirements += 1

    def when_gone(self, callback):
        self._on_gone.append(callback)

    def go(self):
        for callback in self._on_gone:
            callback(self)


@pytest.fixture(autouse=True)
def sorted_by_fakes(monkeypatch):
    monkeypatch.setattr(keeping.ChildNode, 'idle_since', lambda child: child.idle_since())


def root_of(*children):
    root = FakeNode()
    root.children = dict(enumerate(children))
    for child in children:
        child.root = root
    return root


@pytest.mark.parametrize(
    ('child', 'now', 'ends'),
    [
        (Child(), KEEP_S, False),
        (Child(), KEEP_S + 1, True),
        (Child(busy=True), KEEP_S + 1, False),
        (Child(uid=0), KEEP_S + 1, False),
        (Child(uid=0, busy=True), MAX_AGE_S + 1, True),
        (Child(idle_since=MAX_AGE_S), MAX_AGE_S + 1, True),
    ],
)
def test_how_long_one_is_kept(child, now, ends):
    keeping.expire(root_of(child), now)
    assert child.is_retired == ends


def test_one_that_starts_or_is_ending_is_left_alone():
    starting, ending = Child(), Child()
    starting.facts = None
    ending.is_retired = True
    keeping.expire(root_of(starting, ending), MAX_AGE_S + 1)
    assert (starting.retirements, ending.retirements) == (0, 0)


def test_the_one_that_was_used_least_lately_makes_room():
    children = [Child(idle_since=float(number % 5), busy=number == 0) for number in range(MAX_KEPT)]
    keeping.make_room(root_of(*children[1:]))
    assert not any(child.is_retired for child in children)
    keeping.make_room(root_of(*children))
    assert [child for child in children if child.is_retired] == [children[5]]
    keeping.make_room(root_of(*children))
    assert [child for child in children if child.is_retired] == [children[5]]


def test_those_in_use_may_be_more():
    children = [Child(busy=True) for _ in range(MAX_KEPT + 3)]
    keeping.make_room(root_of(*children))
    assert not any(child.is_retired for child in children)


def user(name, fqn='ansible.modules.user'):
    return Module(module_job(fqn=fqn, params=b'{"ANSIBLE_MODULE_ARGS": {"name": "%s"}}' % name), 'zip', None)


def command(text, stdin=b'', offer=None):
    return Command('/bin/sh', text, stdin, None, offer)


@pytest.mark.parametrize(
    ('request_', 'is_named'),
    [
        (user(b'app'), True),
        (user(b'apple'), False),
        (user(b'my-app'), False),
        (user(b'app.x'), False),
        (user(b'userdel app', 'ansible.modules.command'), True),
        (user(b'app', 'ansible.modules.file'), False),
        (user(b'app', 'ansible_collections.x.y.plugins.modules.user'), False),
        (command('pkill -u app.'), True),
        (command('/bin/sh', b'userdel app\n'), True),
        (command('ls /home/app2'), False),
        (command('pkill -u app', offer=('what it may ask for',)), True),
        (Fetch('/home/app/x'), False),
        (Module(source_job('app'), None, None), False),
    ],
)
def test_what_names_an_account(request_, is_named):
    child = Child()
    assert keeping.in_the_way(root_of(child), request_) == ([child] if is_named else [])


def test_one_that_is_used_or_asked_itself_is_not_in_the_way():
    busy, asked, ending = Child(busy=True), Child(), Child()
    ending.is_retired = True
    root_of(busy, asked, ending)
    assert keeping.in_the_way(asked, command('app')) == [ending]


def test_the_end_is_waited_for():
    one, two = Child(), Child()
    calls = []
    keeping.end([one, two], lambda: calls.append(1))
    assert (one.is_retired, two.is_retired) == (True, True)
    one.go()
    one.go()
    assert calls == []
    two.go()
    assert calls == [1]
    assert one.router.loop.timers[0].is_cancelled


def test_but_not_for_ever():
    one = Child()
    calls = []
    keeping.end([one], lambda: calls.append(1))
    one.router.loop.timers[0].function()
    one.go()
    assert calls == [1]
