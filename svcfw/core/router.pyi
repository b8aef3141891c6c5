from collections.abc import Callable, Hashable, Iterable
from typing import Any, Unpack

from svcfw.core.context import Context
from svcfw.core.importer import Importer
from svcfw.core.latch import Latch
from svcfw.core.loop import Loop
from svcfw.core.message import Message
from svcfw.core.parent.relay import Relay
from svcfw.core.receivers.holders import Holders
from svcfw.core.stream import Stream
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.frames import Frame
from svcfw.core.wire.link import Link
from svcfw.core.wire.routes import RouteTable
from svcfw.files.transfers import Transfers
from svcfw.service.pool import Pool
from svcfw.transport.spec import _SshOptions

class Router:
    own_id: int
    parent_ids: tuple[int, ...]
    name: str
    log: Callable[[Router, int, str], object]
    loop: Loop
    codec: Codec
    closed: str | None
    services: Pool | None
    transfers: Transfers | None
    holders: Holders | None
    relay: Relay | None
    contexts: dict[int, Context]
    importer: Importer | None
    extensions: dict[int, str]
    routes: RouteTable
    child_ids: set[int]
    ids: tuple[int, int] | None
    ended: Latch[Any]
    bundle: bytes | None
    log_level: int
    starters: set[Any]
    forwards_logging: bool
    def __init__(
        self,
        log: Callable[[Router, int, str], object],
        own_id: int = 0,
        parent_ids: Iterable[int] = (),
        name: str = 'master',
    ) -> None: ...
    def context(self, context_id: int, name: str | None = None) -> Context: ...
    def myself(self) -> Context: ...
    def parent(self) -> Context | None: ...
    def add_parent(self, link: Link, read_fd: int, write_fd: int) -> Stream: ...
    def add_child(
        self,
        context: Context,
        link: Link,
        read_fd: int,
        write_fd: int,
        on_event: Callable[[Stream, Any], object],
        on_lost: Callable[[Stream, str], object],
    ) -> Stream: ...
    def bounce(self, frame: Frame, reason: str) -> None: ...
    def deliver(self, frame: Frame) -> None: ...
    def refused(self, link: Stream | None, text: str, level: int = 30, counts: bool = True) -> None: ...
    def streams(self) -> set[Stream]: ...
    def local(
        self,
        python: str | None = None,
        name: str | None = None,
        timeout_s: float = 10,
        via: Context | None = None,
    ) -> Context: ...
    def ssh(
        self,
        hostname: str,
        username: str | None = None,
        port: int | None = None,
        password: str | None = None,
        name: str | None = None,
        via: Context | None = None,
        **options: Unpack[_SshOptions],
    ) -> Context: ...
    def link_for(self, context_id: int) -> Hashable | None: ...
    def neighbour(self, context: Context) -> Context | None: ...
    def has_route(self, context: Context) -> bool: ...
    def calling(self, context: Context, module: str) -> None: ...
    def allocate_id(self) -> int: ...
    def add_handler(
        self,
        function: Callable[[Message], object],
        handle: int | None = None,
        policy: Callable[[Message], object] | None = None,
        respondent: Context | None = None,
        once: bool = False,
    ) -> int: ...
    def remove_handler(self, handle: int) -> None: ...
    def encode_for(self, context_id: int, value: Any) -> bytes: ...
    def send(self, frame: Frame) -> None: ...
    def on_gone(self, context: Context, function: Callable[[str], object]) -> None: ...
    def gone(self, context_id: int, reason: str, tells: bool = True) -> None: ...
    def tell_parent(self, handle: int, value: Any) -> None: ...
    def is_fork(self) -> bool: ...
    def abandon(self) -> None: ...
    def on_shutdown(self, function: Callable[[], object]) -> None: ...
    def shutdown(self, reason: str = 'the router was shut down') -> None: ...
    def join_shutdown(self, timeout_s: float) -> None: ...
