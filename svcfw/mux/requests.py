"""Requests of clients as declared types: those of svcfw.agent.requests, and what only the multiplexer knows.

On the socket a request is (link, become key, time-out, operation, values of its fields): see protocol.REQUEST.
"""

from typing import Any

from svcfw.agent import ops, requests
from svcfw.agent.requests import Request
from svcfw.mux import protocol

_TEXT = (str, type(None))


class Command(Request):
    """As for an agent. offer: what its processes may ask the controller for (an Offer as tuple), or None."""

    operation = ops.COMMAND
    __slots__ = ('executable', 'text', 'stdin', 'terminal', 'offer')
    types = (_TEXT, str, bytes, _TEXT, (tuple, type(None)))
    executable: str | None
    text: str
    stdin: bytes
    terminal: str | None
    offer: Any


class Module(requests.WithJob):
    """As for an agent. zip_id: of the zip that it consists of, None for the source of a program. offer: as above."""

    operation = ops.MODULE
    __slots__ = ('job', 'zip_id', 'offer')
    types = (tuple, _TEXT, (tuple, type(None)))
    zip_id: str | None
    offer: Any


class PutWhole(Request):
    """Put a small file. mode: its permission bits; digest: the SHA-256 of its content. Not answered."""

    operation = protocol.PUT_WHOLE
    __slots__ = ('path', 'mode', 'digest', 'content')
    types = (str, int, bytes, bytes)
    path: str
    mode: int
    digest: bytes
    content: bytes


class PutPart(Request):
    """As requests.Put for an agent and, with ops.PUT_LAST, the size of the file. Not answered."""

    operation = protocol.PUT_PART
    __slots__ = ('path', 'mode', 'data', 'flags', 'digest', 'size')
    types = (str, int, bytes, int, bytes, int)
    path: str
    mode: int
    data: bytes
    flags: int
    digest: bytes
    size: int


class Large(Request):
    """Answered with the digests of large files of this size that the target may still have."""

    operation = protocol.LARGE
    __slots__ = ('size',)
    types = (int,)
    size: int


class Facts(Request):
    """Answered with the facts of the login account."""

    operation = protocol.FACTS
    __slots__ = ()


class Reset(Request):
    """End the context with all its children; answered with whether there was one."""

    operation = protocol.RESET
    __slots__ = ()


class Summary(Request):
    """Answered with (lines as of protocol.SAID that no task has shown, [protocol.Method, ...]). run: as in Offer."""

    operation = protocol.SUMMARY
    __slots__ = ('run',)
    types = (tuple,)
    run: tuple[int, int]


class HostOut(Request):
    """A host, by its name in the inventory, takes no further part in the run."""

    operation = protocol.HOST_OUT
    __slots__ = ('run', 'host')
    types = (tuple, str)
    run: tuple[int, int]
    host: str


_OWN: tuple[type[Request], ...] = (
    Command, Module, PutWhole, PutPart, Large, Facts, Reset, Summary, HostOut,
)  # fmt: skip
#: What agents are asked or told on a client's behalf, as the client has sent it.
_PASSED_ON: tuple[type[Request], ...] = (
    requests.Fetch, requests.Expand, requests.Flush, requests.PutKept, requests.Mkdtemp, requests.Chmod,
    requests.Remove,
)  # fmt: skip
BY_OPERATION = {each.operation: each for each in (*_OWN, *_PASSED_ON)}
