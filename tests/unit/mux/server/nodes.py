"""Nodes on a router that is none, for their tests."""

from types import SimpleNamespace

from svcfw.agent import ops
from svcfw.core import handles
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import StartError
from svcfw.mux.server.root_node import RootNode
from svcfw.transport.spec import Spec
from tests.support.loops import StillLoop
from tests.unit.mux.server.fakes import FakeMessage

FACTS = {'home': '/', 'user': 'u', 'uid': 0, 'python': '/p', 'version': (3, 6, 1), 'shell': '/bin/sh'}


ERROR = StartError('refused', 'h', 'c', 'r')


class Context:
    def __init__(self, router, number):
        self.router = router
        self.id = number

    def __str__(self):
        return f'c{self.id}'

    def send(self, handle, value, reply_to=0):
        assert handle == handles.AGENT
        self.router.sent.append((self.id, value, reply_to))

    def request_async(self, handle, value, on_reply):
        self.router.calls.append((self.id, handle, on_reply))


class Responder:
    def push(self, context, names):
        pass

    def allow(self, context, name):
        pass

    def digests(self, name):
        return {name: b'digest'}


class Router:
    def __init__(self):
        self.loop = StillLoop()
        self.codec = Codec()
        self.bundle = b'core'
        self.relay = SimpleNamespace(seals={})
        self.responder = Responder()
        self.sent = []
        self.calls = []
        self.handlers = {}
        self.gone = {}
        self.links = {}
        self.own_id = 0
        self.handle = 1000

    def add_handler(self, function, respondent):
        self.handle += 1
        self.handlers[self.handle] = function
        return self.handle

    def remove_handler(self, handle):
        self.handlers.pop(handle, None)

    def on_gone(self, context, function):
        self.gone[context.id] = function

    def context(self, number, name=None):
        return Context(self, number)

    def link_for(self, number):
        return self.links.get(number)

    def send(self, frame):
        assert frame.handle == handles.AGENT
        self.sent.append((frame.dst, self.codec.decode(frame.payload), frame.reply_to))

    def say(self, value):
        """Deliver a message to the only handler."""
        (handler,) = self.handlers.values()
        handler(FakeMessage(value))


class Starter:
    last: 'Starter'
    error: StartError | None = None

    def __init__(self, router, name, launch, on_ready, on_failed, timeout_s):
        if self.error is not None:
            raise self.error
        Starter.last = self
        self.context = Context(router, 1)
        self.on_ready, self.on_failed = on_ready, on_failed
        self.given_up = []
        self.has_left = False
        self.dialogue = SimpleNamespace(said='debug1: login\nHost key verification failed.\n')
        self.command = ['ssh', 'web1']

    def give_up(self, error):
        self.given_up.append(error)

    def leave(self):
        self.has_left = True


def make_root(router):
    ends = []
    made = RootNode(router, Spec(transport='local', host='h', timeout_s=10), lambda: ends.append(1))
    made.ends = ends
    made.outcomes = []
    made.when_ready(made.outcomes.append)
    return made


def come_up(root):
    Starter.last.on_ready(Starter.last.context)
    root.router.calls[-1][2](FakeDone(FACTS))
    return root


class FakeDone(FakeMessage):
    is_dead = False


class FakeDead(FakeMessage):
    is_dead = True


def operations(router):
    return [(where, value[0]) for where, value, _ in router.sent if value[0] != ops.CHILD]
