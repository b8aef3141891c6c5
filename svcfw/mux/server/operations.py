"""Performs a session's requests once the node they are for is up."""

from collections.abc import Callable
from typing import Any, Protocol

from svcfw.agent import ops, private, requests
from svcfw.core.stream import Stream
from svcfw.core.wire.errors import CallError, ChannelError, Error, StartError
from svcfw.mux import protocol
from svcfw.mux.offer import Offer, decoded
from svcfw.mux.requests import Command, Large, Module, PutPart, PutWhole
from svcfw.mux.server import keeping, remote_cache
from svcfw.mux.server.backlog import ClientRequest
from svcfw.mux.server.debts import Debts
from svcfw.mux.server.exchange import Exchange
from svcfw.mux.server.members import ModuleZips
from svcfw.mux.server.node import Node, StaleError
from svcfw.mux.server.root_node import RootNode
from svcfw.mux.server.services.activations import OnOutcome, ServiceError
from svcfw.mux.server.services.jobs import Jobs
from svcfw.mux.server.telling import Telling
from svcfw.program.router import Router

_UNANSWERED = (requests.Mkdtemp, requests.Chmod, requests.Remove)


class Multiplexer(Protocol):
    """What a session needs of the Server: the contexts of links, and notice of its own beginning and end."""

    router: Router
    store: ModuleZips
    jobs: Jobs

    def welcome(self, session: Any, idle_timeout_s: int) -> None: ...
    def session_over(self, session: Any) -> None: ...
    def stop(self) -> None: ...
    def status(self, asker: Any) -> dict[str, Any]: ...
    def root(
        self,
        link: bytes,
        timeout_s: float,
        environment: dict[str, str],
        python: str | None = None,
        telling: Telling | None = None,
    ) -> RootNode: ...
    def begin(self, session: Any, link: bytes, timeout_s: float) -> None: ...
    def current(self, link: bytes) -> RootNode | None: ...
    def reset(self, link: bytes, on_done: Callable[[bool], None]) -> None: ...
    def replace(self, stale: Node, link: bytes, start: Callable[[], RootNode]) -> None: ...
    def retire(self, node: Node) -> None: ...


class Requester(Protocol):
    """The session whose requests are performed, as `Operations` sees it. Its methods are those of Session."""

    id: int
    stream: Stream
    telling: Telling
    debts: Debts
    #: The router of the multiplexer, the module zips that it holds, and the jobs whose modules may call services.
    router: Router
    store: ModuleZips
    jobs: Jobs

    @property
    def environment(self) -> dict[str, str]: ...
    def step(self, function: Callable[..., None], request: ClientRequest, *arguments: Any) -> None: ...
    def settled(self, request: ClientRequest) -> None: ...
    def advance(self) -> None: ...
    def send(self, handle: int, number: int, value: Any) -> None: ...
    def deliver(self, request: ClientRequest, handle: int, value: Any) -> None: ...
    def fail(self, request: ClientRequest, error: Error) -> None: ...


class Operations:
    """Performs one request of a session at a time, on a node that is up. Loop thread only."""

    def __init__(self, session: Requester) -> None:
        self._session = session
        self._exchange: Exchange | None = None
        self._awaited = ''  # the zip whose members the client was asked for, and what is to be done with them then
        self._on_members: Callable[[], None] | None = None
        self._job: tuple[int, int] | None = None  # whose module may ask for what its client offers

    def close(self) -> None:
        """The client is gone."""
        exchange, self._exchange, self._on_members = self._exchange, None, None
        if exchange is not None:
            exchange.close()
        self._job_is_over()

    def members_arrived(self, value: Any) -> None:
        """The client has sent a module's members; ignored if it was not asked to."""
        zip_id, self._awaited = self._awaited, ''
        on_members, self._on_members = self._on_members, None
        if zip_id:
            is_core, members = value
            self._session.store.add(zip_id, members, is_core)
            if on_members is None:  # its context still starts
                remote_cache.pack_ahead(self._session.store.find(zip_id).contents)  # type: ignore[union-attr]
            else:
                on_members()

    def _ask_for_members(self, request: ClientRequest) -> None:
        """Ask the client at once for what a module consists of, if need be, whether its context is up or not."""
        if isinstance(request.content, Module):
            zip_id = request.content.zip_id
            if zip_id and zip_id != self._awaited and self._session.store.find(zip_id) is None:
                self._awaited = zip_id
                self._session.send(protocol.NEED_MEMBERS, request.number, None)

    def carry_out(self, request: ClientRequest, node: Node) -> None:
        """Start the request on `node`; `session.settled` is called at its end, perhaps at once."""

        def activated(failure: ServiceError | None) -> None:
            self._session.step(raise_error if failure else self._prepare, request, failure or node)

        if self._are_made(request, activated):
            self._prepare(request, node)

    def foresee(self, request: ClientRequest) -> None:
        """The node that the request is for may have yet to come up: what else is needed can be made meanwhile."""
        self._ask_for_members(request)
        self._are_made(request, lambda failure: None)

    def _are_made(self, request: ClientRequest, on_outcome: OnOutcome) -> bool:
        offer = offered(request.content)
        return offer is None or self._session.jobs.activate(offer, self._session.environment, on_outcome)

    def _prepare(self, request: ClientRequest, node: Node) -> None:
        in_the_way = keeping.in_the_way(node, request.content)
        if in_the_way:
            keeping.end(in_the_way, lambda: self._session.step(self._carry_out, request, node))
        else:
            self._carry_out(request, node)

    def _carry_out(self, request: ClientRequest, node: Node) -> None:
        self._session.debts.uses(node)
        content = request.content
        if isinstance(content, _UNANSWERED):
            self._tell(request, node, content)
        elif isinstance(content, PutWhole):
            self._put_whole(request, node, content)
        elif isinstance(content, PutPart):
            node.flow.when_room(lambda: self._session.step(self._put_part, request, node, content))
        elif isinstance(content, Large):
            self._session.settled(request)
            self._session.telling.answered(node, 0, 0)
            self._session.send(protocol.RESULT, request.number, node.remote_cache.large(content.size))
        elif isinstance(content, Module):
            self._run_module(request, node, content)
        elif isinstance(content, Command):
            command = requests.Command(
                content.executable, content.text, content.stdin, content.terminal, content.offer is not None
            )
            self._ask(request, node, command, offered(content))
        else:
            self._ask(request, node, content)

    def _put_whole(self, request: ClientRequest, node: Node, file: PutWhole) -> None:
        def put() -> None:
            self._session.step(self._tell, request, node, requests.PutHeld(file.path, file.mode, file.digest))

        node.remote_cache.content(file.digest, file.content, put)

    def _put_part(self, request: ClientRequest, node: Node, part: PutPart) -> None:
        """Send one message's worth of data, and the rest in turn."""
        size_now = node.flow.chunk_bytes()
        chunk, data = part.data[:size_now], part.data[size_now:]
        if data:
            flags = part.flags & ~ops.PUT_LAST
            node.tell(self._session.id, requests.Put(part.path, part.mode, chunk, flags, b''))
            rest = PutPart(part.path, part.mode, data, part.flags & ~ops.PUT_FIRST, part.digest, part.size)
            node.flow.when_room(lambda: self._session.step(self._put_part, request, node, rest))
            return
        self._tell(request, node, requests.Put(part.path, part.mode, chunk, part.flags, part.digest))
        if part.size:
            node.remote_cache.was_put(part.digest, part.size)

    def _tell(self, request: ClientRequest, node: Node, content: requests.Request) -> None:
        """Send an operation without answer; the next request may start."""
        node.tell(self._session.id, content)
        if not isinstance(content, requests.Remove):
            self._session.debts.owes(node)
        self._backpressure(node)
        self._session.settled(request)

    def _backpressure(self, node: Node) -> None:
        """Backpressure: read no more from the client than the target takes."""
        target = self._session.router.link_for(node.root.context.id)  # type: ignore[union-attr]
        if target is not None and target.is_full():
            pause_until_room(self._session.stream, target)

    def _ask(self, request: ClientRequest, node: Node, content: requests.Request, offer: Offer | None = None) -> None:
        def part(stdout: bytes, stderr: bytes) -> None:
            self._session.send(protocol.PART, request.number, (stdout, stderr))

        def end(result: Any) -> None:
            exchange, self._exchange = self._exchange, None
            self._job_is_over()
            self._wipe(node, content)
            if isinstance(result, StaleError):
                self._session.step(raise_error, request, result)
                return
            self._session.settled(request)
            if isinstance(result, (ChannelError, CallError, StartError)):
                self._session.fail(request, result)
            else:
                said = [] if offer is None else self._session.jobs.lines(offer)
                if said:
                    self._session.send(protocol.SAID, request.number, said)
                if result is False and isinstance(content, requests.PutKept):
                    node.remote_cache.was_missing(content.digest)
                if exchange is not None:
                    self._session.telling.answered(node, exchange.target_us, exchange.received_bytes, exchange.ran)
                self._session.deliver(request, protocol.RESULT, result)
            self._session.advance()

        self._wipe(node, content)
        self._exchange = Exchange(node, self._session.id, self._session.stream, content, part, end)
        if offer is not None and node.context is not None:
            # What a command leaves running, as an async one does, may go on asking until the run ends.
            if isinstance(content, requests.Module):
                self._job = (node.context.id, self._exchange.handle)
            self._session.jobs.begins(node, self._exchange.handle, offer, self._session.environment)

    def _job_is_over(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            self._session.jobs.is_over(*job)

    def _run_module(self, request: ClientRequest, node: Node, module: Module) -> None:
        """Get the members, then run."""
        found_zip = None if module.zip_id is None else self._session.store.find(module.zip_id)
        if module.zip_id is not None and found_zip is None:
            self._ask_for_members(request)
            self._on_members = lambda: self._session.step(self._carry_out, request, node)
            return
        member_list = None
        if found_zip is not None:
            member_list = found_zip.member_list
            module.job.may_reuse = module.job.may_reuse and found_zip.is_core
            module.job.may_preimport = module.job.may_preimport and found_zip.is_core
            node.remote_cache.members(found_zip.contents)
        if private.has_secrets(module.job):
            carry_out = lambda: self._session.step(self._carry_out, request, node)  # noqa: E731
            if not node.is_ready_for_secrets(module.job.interpreter, carry_out):
                return
        self._ask(request, node, requests.Module(module.job, request.timeout_s, member_list), offered(module))

    def _wipe(self, node: Node, content: requests.Request) -> None:
        """After a task with no_log, and before it in what passes it on: have nothing left of it."""
        if isinstance(content, requests.Module) and private.has_secrets(content.job):
            for each in {node, node.root}:
                each.tell(0, requests.Wipe([]))


def offered(content: requests.Request) -> Offer | None:
    """What the client offers the processes of a request. DecodeError."""
    if not isinstance(content, (Command, Module)) or content.offer is None:
        return None
    return decoded(content.offer)


def raise_error(request: ClientRequest, error: Error) -> None:
    """Fail the request's step with `error`."""
    raise error


def pause_until_room(reader: Stream, writer: Stream) -> None:
    """Backpressure: pause reading from one stream while the other is full."""
    reader.pause_reading()
    writer.when_room(reader.resume_reading)
