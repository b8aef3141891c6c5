"""Fuzz targets: what the multiplexer reads of agents and of its clients, and an agent of its warm process."""

from types import SimpleNamespace
from typing import Any

from svcfw.agent import ops, packing, requests, site_state
from svcfw.agent.template.template import Template
from svcfw.core.message import Message
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import DecodeError, Error
from svcfw.core.wire.frames import DEAD, Frame
from svcfw.core.wire.limits import WINDOW_BYTES
from svcfw.mux import offer, protocol
from svcfw.mux import requests as mux_requests
from svcfw.mux.server.child_node import ChildNode
from svcfw.mux.server.exchange import MAX_PARTS, Exchange
from svcfw.mux.server.node import Node
from tests.fuzz.choices import WORDS, Choices
from tests.support.loops import StillLoop
from tests.unit.mux.server.fakes import FakeClient, FakeMessage, FakeNode, FakeStream, bare

_CODEC = Codec()
_ASKED = (ops.COMMAND, ops.MODULE, ops.FETCH, ops.EXPAND, ops.FLUSH, ops.PUT_KEPT, ops.DISMISS)
_HANDLES = (
    protocol.HELLO, protocol.REQUEST, protocol.MEMBERS, protocol.BECOME_START, protocol.BECOME_INPUT, protocol.STATUS,
    protocol.WELCOME, 0, 77,
)  # fmt: skip


def said(choices: Choices) -> Message:
    """A message of a peer: bytes that are nearly a value, or a value."""
    kind = choices.byte() % 4
    payload = choices.bytes() if kind == 0 else _CODEC.encode(choices.value())
    router: Any = SimpleNamespace(codec=_CODEC, loop=StillLoop(), context=str)
    return Message(router, Frame(0, 1, 1, 1000, 0, DEAD if choices.byte() == 255 else 0, payload))


def agent_answers(data: bytes) -> None:
    """Any answers to one request: parts as far as there is credit, then one end."""
    choices = Choices(data)
    node, client, ends, taken = FakeNode(), FakeStream(), [], []
    operation = choices.of(_ASKED)
    client.full = choices.byte() % 2 == 1
    on_part, stream, asked = lambda *part: taken.append(part), client, bare(operation)
    Exchange(node, 7, stream, asked, on_part, ends.append)  # type: ignore[arg-type]
    while choices and node.asked:
        if choices.byte() % 8 == 0:
            client.make_room()
        next(iter(node.asked.values()))[2](said(choices))
        assert len(taken) <= MAX_PARTS or not client.full
        granted = sum(told[2][1] for told in node.told if told[0] == ops.GRANT)
        assert sum(len(part) for parts in taken for part in parts) <= WINDOW_BYTES + granted
    assert len(ends) <= 1


def child_answers(data: bytes) -> None:
    """Any answers to the start of a context of another account, and any facts of an agent."""
    choices = Choices(data)
    loop: Any = StillLoop()
    root = FakeNode()
    router: Any = SimpleNamespace(
        loop=loop, codec=_CODEC, link_for=lambda context_id: context_id % 2, on_gone=lambda *args: None,
        context=lambda context_id, name: SimpleNamespace(id=context_id, name=name),
        relay=SimpleNamespace(seals={}), responder=SimpleNamespace(digests=lambda name: {}, allow=lambda *args: None),
    )  # fmt: skip
    parent: Any = root
    parent.router, parent.contexts, parent.forget = router, set, lambda child: None
    parent.has_retired = False
    shown: list[bytes] = []
    child = ChildNode(parent, 'x', 7, ['sh'], False, 'MARK', 10, shown.append)
    while choices and root.asked:
        next(iter(root.asked.values()))[2](said(choices))
    assert child.facts is None or child.context is not None
    child.asked_for_tty(True)
    node: Any = Node(router, None)
    try:
        node.adopt(SimpleNamespace(id=3), choices.value())
    except DecodeError:
        pass


def clients_requests(data: bytes) -> None:
    """Anything on the multiplexer's socket: the client is answered, or dropped."""
    choices = Choices(data)
    client = FakeClient(up=choices.byte() % 4 != 0)
    client.server.jobs = client.session.jobs = _NoJobs()
    client.server.status = lambda asker: {}  # type: ignore[attr-defined]
    client.server.begin = lambda *args: None  # type: ignore[attr-defined]
    while choices and not client.stream.closed:
        handle = choices.of(_HANDLES)
        payload = choices.bytes() if choices.byte() % 4 == 0 else _CODEC.encode(_request(choices, handle))
        frame: Any = Frame(0, 0, 0, handle, choices.number() % 5, 0, payload)
        client.session.on_event(client.stream, frame)  # type: ignore[arg-type]
        if client.node.asked and choices.byte() % 2:
            next(iter(client.node.asked.values()))[2](FakeMessage(None))
    is_orderly = choices.byte() % 2 == 0  # then what was not to be answered is still done
    client.leave(goodbye=is_orderly)
    assert is_orderly or not client.node.asked, 'a request is left that nobody waits for'


class _NoJobs:
    """In the place of Jobs: no service can be had."""

    def activate(self, *args: Any) -> bool:
        return True

    def summary(self, key: Any, on_summary: Any) -> None:
        on_summary(([], []))

    def lines(self, *args: Any) -> list[Any]:
        return []

    def begins(self, *args: Any) -> None: ...

    def is_over(self, *args: Any) -> None: ...

    def host_is_out(self, *args: Any) -> None: ...


def _request(choices: Choices, handle: int) -> Any:
    """A value; of requests one whose fields have their types, often."""
    if handle != protocol.REQUEST or choices.byte() % 4 == 0:
        return choices.value()
    kind = choices.of([*mux_requests.BY_OPERATION.values()])
    values = tuple([_typed(choices, types) for types in kind.types])
    return b'link', choices.of((None, b'key')), 10, kind.operation, values


def _typed(choices: Choices, types: Any) -> Any:
    """A value of the type that a field has, mostly."""
    wanted = types[choices.byte() % len(types)] if type(types) is tuple else types
    made: dict[Any, Any] = {
        str: lambda: choices.of(WORDS), bytes: choices.bytes, int: choices.number,
        bool: lambda: bool(choices.byte() % 2),
        type(None): lambda: None, list: lambda: [choices.value() for _ in range(choices.byte() % 5)],
        tuple: lambda: tuple([choices.value() for _ in range(choices.byte() % 11)]),
        dict: lambda: {choices.of(('zip_id', 'offer', 'kind', 'may_reuse', 'x')): choices.value() for _ in range(4)},
    }  # fmt: skip
    return made.get(wanted, choices.value)()


def declared(data: bytes) -> None:
    """Requests and offers as declared types: DecodeError, or what they are declared to be."""
    choices = Choices(data)
    which = choices.byte() % 3
    try:
        if which == 0:
            offer.decoded(choices.value())
        elif which == 1:
            requests.decoded(choices.of(WORDS), choices.value())
        else:
            requests.decoded(choices.of(WORDS), choices.value(), mux_requests.BY_OPERATION)
    except DecodeError:
        pass
    text = choices.bytes()
    assert packing.unpack(packing.pack(text)) == text


def template_events(data: bytes) -> None:
    """What a module could write into the socket of the process that it was forked from."""
    choices = Choices(data)
    template: Any = Template.__new__(Template)
    template._jobs, template._ran, template._events = {1: None, 2: None}, {}, b''
    template.is_ready, template._is_spent, template._watch = choices.byte() % 2 == 1, False, None
    watch, site_state.Watch = site_state.Watch, lambda paths: None  # type: ignore[assignment,misc]
    try:
        for piece in choices.pieces():
            template._events += piece
            list(template._take_events())
    except Error:
        raise AssertionError('an error that nobody expects') from None
    finally:
        site_state.Watch = watch  # type: ignore[misc]
    assert len(template._ran) * 9 <= len(data) + 9
