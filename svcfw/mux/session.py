"""Session: one client of the multiplexer. Its requests are begun in their order; what one of them waits for, all do."""

import os
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from svcfw.ansible.target import ops
from svcfw.core.message import Message
from svcfw.core.stream import Stream
from svcfw.core.wire.errors import CallError, ChannelError, Error, StartError
from svcfw.core.wire.frames import Frame
from svcfw.core.wire.link import Goodbye
from svcfw.mux import protocol
from svcfw.mux.node import ChildNode, Node

if TYPE_CHECKING:
    from svcfw.mux.server import Server

_UNANSWERED = frozenset({ops.MKDTEMP, ops.PUT, ops.CHMOD, ops.REMOVE})
#: What a failed operation is called at the client.
_CLIENT_METHOD = {ops.PUT: 'put_file', ops.FETCH: 'fetch_file', ops.COMMAND: 'run_command', ops.MODULE: 'run_module'}


class Request:
    """One request of the client: where it leads, and what it is to do there."""

    def __init__(self, number: int, value: Any) -> None:
        self.number = number
        self.link, self.become_key, self.timeout_s, self.operation, self.arguments = value


class Session:
    """One client, known to agents by `id`. Everything runs on the loop thread."""

    def __init__(self, server: 'Server', session_id: int) -> None:
        self.id = session_id
        self.stream: Stream
        self.environment: dict[str, str] = dict(os.environ)
        self._server = server
        self._codec = server.router.codec
        self._backlog: deque[Frame] = deque()
        self._waits = False
        self._on_members: Callable[[Any], None] | None = None
        self._child: ChildNode | None = None
        self._on_command: Callable[[Any], None] | None = None
        self._deferred: tuple[str, str, int, str] | None = None
        self._used: set[Node] = set()

    # -- from the client

    def on_event(self, stream: Stream, event: Any) -> None:
        if isinstance(event, Goodbye) or not isinstance(event, Frame):
            return
        value = None
        if event.handle != protocol.REQUEST:
            value = self._codec.decode(event.payload)
        if event.handle == protocol.REQUEST:
            self._backlog.append(event)
            self._advance()
        elif event.handle == protocol.HELLO:
            self.environment, idle_timeout_s = value
            self._server.welcome(self, idle_timeout_s)
        elif event.handle == protocol.MEMBERS and self._on_members:
            on_members, self._on_members = self._on_members, None
            on_members(value)
        elif event.handle == protocol.BECOME_START and self._on_command:
            on_command, self._on_command = self._on_command, None
            on_command(value)
        elif event.handle == protocol.BECOME_INPUT and self._child:
            self._child.type(value)
        elif event.handle == protocol.STOP:
            self._server.stop()

    def on_closed(self, stream: Stream, reason: str) -> None:
        """The client is gone; what it left running is ended, after what it sent before."""
        for node in self._used:
            if not node.dead:
                node.tell(ops.END, self.id, ())
        self._server.session_over(self)

    def on_failure(self, root: Any, failure: tuple[str, str, int, str]) -> None:
        """An agent reports an operation that failed. Only one of our own contexts can."""
        if any(node.root.context == root for node in self._used) and self._deferred is None:
            operation, path, status, cause = failure
            self._deferred = (_CLIENT_METHOD.get(operation, operation), path, status, cause)

    def send(self, handle: int, number: int, value: Any) -> None:
        try:
            self.stream.send(Frame(0, 0, 0, handle, number, 0, self._codec.encode(value)))
        except ChannelError:
            pass  # the client is gone: on_closed sees to it

    # -- one request after the other

    def _advance(self) -> None:
        while self._backlog and not self._waits:
            frame = self._backlog.popleft()
            request = Request(frame.reply_to, self._codec.decode(frame.payload))
            try:
                self._begin(request)
            except Error as exc:
                self._fail(request, exc)

    def _wait(self) -> None:
        self._waits = True
        self.stream.pause_reading()

    def _go_on(self) -> None:
        self._waits = False
        self._advance()

    def _begin(self, request: Request) -> None:
        if request.operation == protocol.RESET:
            self._server.reset(request.link, lambda existed: self.send(protocol.RESULT, request.number, existed))
            return
        root = self._server.root(request.link, request.timeout_s, self.environment)
        if root.facts is not None:
            self._reach(request, root)
            return
        # Nothing the client may have to say matters before the context is there.
        self._wait()

        def ready(error: StartError | None) -> None:
            self.stream.resume_reading()
            self._waits = False
            if error is not None:
                self._fail(request, error)
            else:
                self._reach(request, root)
            self._advance()

        root.when_ready(ready)

    def _reach(self, request: Request, node: Node) -> None:
        """Go to the child of the wanted account, then carry the request out."""
        self._used.add(node)
        if request.operation == protocol.FACTS:
            self.send(protocol.RESULT, request.number, node.facts)
        elif request.become_key is None:
            self._carry_out(request, node)
        else:
            child = node.children.get(request.become_key)
            if child is None or child.dead:
                self._start_child(request, node)
            else:
                self._when_up(request, child)

    def _start_child(self, request: Request, node: Node) -> None:
        """Ask the client, which has the become plugin, for the command; others who want the same child wait for it."""
        marker = 'SVCFW-' + os.urandom(8).hex()
        self._waits = True

        def start(value: Any) -> None:
            command, need_tty = value
            rival = node.children.get(request.become_key)
            if rival is not None and not rival.dead:
                self._when_up(request, rival)
                return
            argv = ['/bin/sh', '-c', command]
            self._child = ChildNode(node, 'as another account', self.id, argv, need_tty, marker, request.timeout_s,
                                    lambda data: self.send(protocol.BECOME_OUTPUT, request.number, data))  # fmt: skip
            node.children[request.become_key] = self._child
            self._when_up(request, self._child)

        self._on_command = start
        self.send(protocol.BECOME_BUILD, request.number, node.boot_command(marker))

    def _when_up(self, request: Request, node: Node) -> None:
        self._waits = True

        def ready(error: StartError | None) -> None:
            self._waits = False
            if error is not None:
                self._fail(request, error)
            else:
                self._carry_out(request, node)
            self._advance()

        node.when_ready(ready)

    # -- on a node

    def _carry_out(self, request: Request, node: Node) -> None:
        self._used.add(node)
        try:
            if request.operation in _UNANSWERED:
                node.tell(request.operation, self.id, request.arguments)
                self._hold_back(node.root)
            elif request.operation == ops.MODULE:
                self._run_module(request, node)
            else:
                _Exchange(self, request, node).start(request.arguments)
        except Error as exc:
            self._fail(request, exc)

    def _hold_back(self, node: Node) -> None:
        """Read no more from the client than the target takes."""
        target = self._server.router.link_for(node.context.id)  # type: ignore[union-attr]
        if target is not None and target.is_full():
            self.stream.pause_reading()
            target.when_room(self.stream.resume_reading)

    def _run_module(self, request: Request, node: Node) -> None:
        job = dict(request.arguments[0])
        zip_id = job.pop('zip_id', None)
        if zip_id is None:
            self._on_interpreter(request, node, job)
            return
        members = self._server.store.members(zip_id)
        if members is not None:
            job['members'] = members
            self._on_interpreter(request, node, job)
            return

        def arrived(value: Any) -> None:
            self._server.store.add(zip_id, value)
            self._waits = False
            self._carry_out(request, node)
            self._advance()

        self._waits = True
        self._on_members = arrived
        self.send(protocol.NEED_MEMBERS, request.number, None)

    def _on_interpreter(self, request: Request, node: Node, job: dict[str, Any]) -> None:
        """Run the job on the node, or on its child of the interpreter that the job wants."""
        words = tuple(job['interpreter'])
        node_for = self._server.interpreters.find(node, words)
        if isinstance(node_for, Node) and node_for.facts is not None and not node_for.dead:
            self._used.add(node_for)
            self._give_members(node_for, job)
            _Exchange(self, request, node_for).start((job,))
            return
        self._waits = True

        def found(result: Node | StartError) -> None:
            self._waits = False
            if isinstance(result, StartError):
                self._fail(request, result)
            else:
                self._used.add(result)
                try:
                    self._give_members(result, job)
                    _Exchange(self, request, result).start((job,))
                except Error as exc:
                    self._fail(request, exc)
            self._advance()

        self._server.interpreters.ask(node, words, self.id, request.timeout_s, found)

    def _give_members(self, node: Node, job: dict[str, Any]) -> None:
        """Send the target what it lacks of a job's members, ahead of the job."""
        lacking = dict.fromkeys(digest for _, digest in job.get('members', ()) if digest not in node.held)
        if lacking:
            node.tell(ops.MEMBERS, self.id, ([(digest, self._server.store.content(digest)) for digest in lacking],))
            node.held.update(lacking)

    # -- answers

    def deliver(self, request: Request, handle: int, value: Any) -> None:
        """The answer, unless something failed that was not waited for."""
        if self._deferred is not None:
            failure, self._deferred = self._deferred, None
            self.send(protocol.DEFERRED_FAILED, request.number, failure)
        else:
            self.send(handle, request.number, value)

    def _fail(self, request: Request, error: Error) -> None:
        if not request.number:
            if self._deferred is None:
                self._deferred = (_CLIENT_METHOD.get(request.operation, request.operation), '', 1, str(error))
        elif isinstance(error, StartError):
            self.deliver(request, protocol.START_FAILED, (error.kind, error.host, error.cause, error.remedy))
        else:
            self.deliver(request, protocol.LOST, str(error))


class _Exchange:
    """One request under way at an agent: its messages become those to the client."""

    def __init__(self, session: Session, request: Request, node: Node) -> None:
        self._session = session
        self._request = request
        self._node = node
        self._handle = 0

    def start(self, arguments: tuple[Any, ...]) -> None:
        if self._node.dead:
            raise ChannelError(self._node.dead)
        self._handle = self._node.request(self._request.operation, self._session.id, arguments, self._on_message)

    def _on_message(self, message: Message) -> None:
        session, request = self._session, self._request
        try:
            value = message.value()
        except (ChannelError, CallError) as exc:
            self._node.finish(self._handle)
            session.deliver(request, protocol.LOST, str(exc))
            return
        kind = value[0] if type(value) is tuple and value else None
        if kind == ops.PART:
            session.send(protocol.PART, request.number, value[1:])
            self._grant_when_taken(len(value[1]) + len(value[2]))
            return
        self._node.finish(self._handle)
        session.deliver(request, protocol.RESULT, value[1:] if kind == ops.DONE else value)

    def _grant_when_taken(self, credit: int) -> None:
        """Let the target send more once the client has room for it."""

        def grant() -> None:
            if not self._node.dead:
                self._node.tell(ops.GRANT, self._session.id, (self._handle, credit))

        if self._session.stream.is_full():
            self._session.stream.when_room(grant)
        else:
            grant()
