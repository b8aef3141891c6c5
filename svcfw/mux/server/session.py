"""Session: one client of the multiplexer. Its requests start in order; while one waits, so do later ones."""

import logging
import os
import select
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from svcfw.agent import ops, requests
from svcfw.core.stream import Stream
from svcfw.core.wire.errors import CallError, ChannelError, DecodeError, Error, StartError
from svcfw.core.wire.frames import Frame
from svcfw.core.wire.link import Goodbye
from svcfw.mux import protocol
from svcfw.mux.offer import Offer
from svcfw.mux.requests import Facts, HostOut, Reset, Summary
from svcfw.mux.server import keeping
from svcfw.mux.server.child_node import ChildNode
from svcfw.mux.server.exchange import Exchange
from svcfw.mux.server.members import ModuleZips
from svcfw.mux.server.node import Node, StaleError
from svcfw.mux.server.operations import ClientRequest, Operations, pause_until_room, raise_error
from svcfw.mux.server.root_node import RootNode
from svcfw.mux.server.services.jobs import Jobs
from svcfw.mux.server.telling import Telling
from svcfw.program.router import Router

#: Names of failed operations at the client.
_CLIENT_METHOD = {
    ops.PUT: 'put_file', ops.PUT_HELD: 'put_file', ops.FETCH: 'fetch_file', ops.COMMAND: 'run_command',
    ops.MODULE: 'run_module',
}  # fmt: skip
#: Requests queued while a context starts; further ones stay in the socket (backpressure).
MAX_BACKLOG_BYTES = 1024 * 1024
#: Added to a command's time-out for the news of it, as in the stock connection.
BECOME_GRACE_S = 2

_log = logging.getLogger('svcfw.mux')

#: (operation, path, status, cause)
Failure = tuple[str, str, int, str]


class Multiplexer(Protocol):
    """What a session needs of the Server: the contexts of links, and word of its own beginning and end."""

    router: Router
    store: ModuleZips
    jobs: Jobs

    def welcome(self, session: 'Session', idle_timeout_s: int) -> None: ...
    def session_over(self, session: 'Session') -> None: ...
    def stop(self) -> None: ...
    def root(
        self,
        link: bytes,
        timeout_s: float,
        environment: dict[str, str],
        python: str | None = None,
        telling: Telling | None = None,
    ) -> RootNode: ...
    def current(self, link: bytes) -> RootNode | None: ...
    def reset(self, link: bytes, on_done: Callable[[bool], None]) -> None: ...
    def replace(self, stale: Node, link: bytes, start: Callable[[], RootNode]) -> None: ...
    def retire(self, node: Node) -> None: ...


class Session:
    """One client, known to agents by `id`, on the socket `fd`. Everything runs on the loop thread.

    `stream`, which owns the socket, is set right after.
    """

    def __init__(self, server: Multiplexer, session_id: int, fd: int) -> None:
        self.id = session_id
        self._fd = fd
        self.stream: Stream
        self._server = server
        self.router, self.store, self.jobs = server.router, server.store, server.jobs
        self._codec = self.router.codec
        self._environment: dict[str, str] | None = None
        self._python: str | None = None
        self._backlog: deque[Frame] = deque()
        self._backlog_bytes = 0
        self._is_paused = False
        self._current: ClientRequest | None = None  # starting, or waiting
        self._is_advancing = False
        self.telling = Telling(session_id, server.router.loop.clock, lambda handle, value: self.send(handle, 0, value))
        self._operations = Operations(self)
        self._on_command: Callable[[Any], None] | None = None
        self._may_use_tty = False  # whether a child started for this client gets a terminal if it asks
        self._has_password = False  # for that child
        self._child: ChildNode | None = None  # its prompts are answered by this client
        self._used: set[Node] = set()
        self._owing: set[Node] = set()  # held nodes with operations that may not be done yet
        self._held: set[Node] = set()  # held by the current request
        self._takes_stale = False  # from now on: the context may be changing all the time
        self._failure: Failure | None = None  # reported by an agent
        self._refusal: Error | None = None  # why a deferred operation could not be sent
        self._has_said_goodbye = False
        self._is_over = False

    # -- from the client

    def on_event(self, stream: Stream, event: Any) -> None:
        try:
            self._on_event(event)
        except (Error, TypeError, ValueError) as exc:
            self._break_off(f'it sent what is no request: {exc}')
        if stream.is_full():
            pause_until_room(self.stream, stream)

    def _on_event(self, event: Any) -> None:
        if not isinstance(event, Frame):
            self._has_said_goodbye = self._has_said_goodbye or isinstance(event, Goodbye)
        elif event.handle == protocol.REQUEST:
            if event.reply_to:
                self.telling.arrived()
            self._put_back(event)
            self.advance()
        elif event.handle == protocol.HELLO:
            environment, idle_timeout_s, self._python, run, ssh_verbosity = self._codec.decode(event.payload)
            self._environment = environment
            self.telling.run, self.telling.ssh_verbosity = str(run), int(ssh_verbosity)
            self._server.welcome(self, idle_timeout_s)
        elif event.handle == protocol.STOP:
            self._server.stop()
        else:
            self._on_answer(event.handle, self._codec.decode(event.payload))

    def _on_answer(self, handle: int, value: Any) -> None:
        """The client's answer to a question; ignored if there is none: it may be settled by now."""
        if handle == protocol.MEMBERS:
            self._operations.members_arrived(value)
        elif handle == protocol.BECOME_START and self._on_command:
            on_command, self._on_command = self._on_command, None
            on_command(value)
        elif handle == protocol.BECOME_INPUT and self._child:
            self._child.type(value)

    def on_closed(self, stream: Stream, reason: str) -> None:
        """The client is gone. After a goodbye its deferred operations are still done; else nothing more is started."""
        if not self._has_said_goodbye or (self._current and self._current.is_waited_for):
            self._end()
        else:
            self.advance()

    def _break_off(self, why: str) -> None:
        _log.warning('client %d: %s', self.id, why)
        self.stream.close(why)

    def _end(self) -> None:
        """End what it left running, after what it sent before."""
        if self._is_over:
            return
        self._is_over = True
        self._environment = None  # there may be secrets in it
        self._backlog.clear()
        self._operations.close()
        if self._current is not None:
            self.settled(self._current)
        if self._child is not None and self._child.facts is None:
            self._child.given_up = True
        for node in self._used:
            if node.facts is not None and not node.dead:
                node.tell(self.id, requests.End())
        self._forgive()
        self._server.session_over(self)

    # -- to the client

    def send(self, handle: int, number: int, value: Any) -> None:
        try:
            self.stream.send(Frame(0, 0, 0, handle, number, 0, self._codec.encode(value)))
        except ChannelError:
            pass  # the client is gone: see on_closed
        except Error as exc:
            self._break_off(f'what it asked for cannot be sent: {exc}')

    def deliver(self, request: ClientRequest, handle: int, value: Any) -> None:
        """Send the answer, unless a deferred operation failed."""
        self._forgive()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            self.send(protocol.DEFERRED_FAILED, request.number, failure)
        else:
            self.send(handle, request.number, value)

    def tell_lines(self, request: ClientRequest, offer: Offer) -> None:
        """What services of the client's run have said, before the answer."""
        lines = self.jobs.lines(offer)
        if lines:
            self.send(protocol.SAID, request.number, lines)

    @property
    def environment(self) -> dict[str, str]:
        """The client's."""
        return self._environment or {}

    def fail(self, request: ClientRequest, error: Error) -> None:
        if not request.is_waited_for:
            if not isinstance(request.content, requests.Remove) and self._refusal is None:
                self._refusal = error
        elif isinstance(error, StartError):
            # The agent was not asked, and may still have a failure to report: the next answer brings it.
            self.send(protocol.START_FAILED, request.number, error.args)
        elif isinstance(error, CallError):
            _log.error('client %d: its request failed over there: %s', self.id, error)
            self.deliver(request, protocol.LOST, f'its agent failed there ({error.typename}: {error.message})')
        else:
            self.deliver(request, protocol.LOST, str(error))

    def on_failure(self, context_id: int, failure: Failure) -> None:
        """An agent reports a failed operation; only an agent that this session uses can."""
        nodes = [node for node in self._used if node.context and node.context.id == context_id]
        if self._failure is None and nodes:
            operation, path, status, cause = failure
            self._failure = (_CLIENT_METHOD.get(operation, operation), path, status, cause)
            if operation == ops.PUT_HELD:
                nodes[0].remote_cache.doubt()

    # -- for operations on nodes

    def uses(self, node: Node) -> None:
        """The client uses this node, which is up: it gets failures there, and tells the agent when it leaves."""
        self._used.add(node)
        if self._takes_stale or node.is_last_resort():
            node.tell(self.id, requests.Anyway())

    def hold(self, request: ClientRequest, node: Node) -> None:
        """Prevent this node's end until the request is settled."""
        if self._current is request:
            self._held.add(node)
            node.hold(request)

    def owes(self, node: Node) -> None:
        """An operation without answer was sent to this node."""
        self._owing.add(node)
        node.hold(self)

    def _forgive(self) -> None:
        """All operations without answer are done, or their failure has been reported."""
        for node in list(self._owing):
            self._paid(node)

    def _paid(self, node: Node) -> None:
        """The operations sent to this node are done, or will not be."""
        self._owing.discard(node)
        node.release(self)

    def needs(self, node: Node) -> bool:
        """Whether the client is still there and has a request or operation at this node.

        Its end is not noticed while nothing is read from it because a host does not take what it sends.
        """
        if node not in self._held and node not in self._owing:
            return False
        poller = select.poll()
        poller.register(self._fd, 0)
        return not self.stream.closed and not poller.poll(0)

    # -- the queue of requests

    def _put_back(self, frame: Frame) -> None:
        self._backlog.append(frame)
        self._backlog_bytes += len(frame.payload)
        if self._backlog_bytes > MAX_BACKLOG_BYTES and not self._is_paused:
            self._is_paused = True
            self.stream.pause_reading()

    def _take(self) -> ClientRequest:
        frame = self._backlog.popleft()
        self._backlog_bytes -= len(frame.payload)
        if self._is_paused and not self._backlog:
            self._is_paused = False
            self.stream.resume_reading()
        return ClientRequest(frame.reply_to, self._codec.decode(frame.payload))

    def advance(self) -> None:
        """Start requests until one has to wait."""
        if self._is_advancing:
            return
        self._is_advancing = True
        try:
            while self._backlog and self._current is None:
                try:
                    self._current = request = self._take()
                except (Error, TypeError, ValueError) as exc:
                    self._break_off(f'it sent what is no request: {exc}')
                    return
                self.step(self._begin, request)
        finally:
            self._is_advancing = False
        if self.stream.closed and self._current is None:
            self._end()

    def step(self, function: Callable[..., None], request: ClientRequest, *arguments: Any) -> None:
        """Perform the next step of the current request. No exception may leave the client waiting."""
        if self._is_over:
            return
        try:
            function(request, *arguments)
        except StaleError as exc:
            self._carry_out_anew(request, exc)
        except Error as exc:
            self.settled(request)
            self.fail(request, exc)
        except Exception as exc:
            _log.exception('client %d: its request failed', self.id)
            self._break_off(f'its request failed: {exc}')
        self.advance()

    def settled(self, request: ClientRequest) -> None:
        """The next request may start."""
        if self._current is request:
            self._current = None
            self._let_go(request)

    def _let_go(self, request: ClientRequest) -> None:
        held, self._held = self._held, set()
        for node in held:
            node.release(request)

    def _carry_out_anew(self, request: ClientRequest, error: StaleError) -> None:
        """A stale context has refused the request, with earlier ones done: use a new context.

        Once. A context that changes all the time is then used as it is, for all further requests of this client.
        """
        self._let_go(request)
        self._paid(error.said_by)
        if self._takes_stale:
            self.step(raise_error, request, ChannelError(str(error)))  # it was told to perform it nevertheless
            return
        _log.info('client %d: %s', self.id, error)
        if request.was_stale:
            self._takes_stale = True
        else:
            request.was_stale = True
            self._replace(request, error.said_by)
        self.step(self._begin, request)

    def _replace(self, request: ClientRequest, node: Node) -> None:
        if node is node.root:
            self._server.replace(node, request.link, lambda: self._root(request))
        else:
            self._server.retire(node)

    def _settle_up(self, request: ClientRequest, node: Node) -> None:
        """Wait for operations at a retired node before anything starts elsewhere."""

        def end(result: Any) -> None:
            self._paid(node)
            if isinstance(result, Error) and self._refusal is None:
                self._refusal = result
            self.step(self._begin, request)

        node.tell(self.id, requests.Anyway())
        if node is not node.root:
            node.root.tell(self.id, requests.Anyway())
        Exchange(node, self.id, self.stream, requests.Flush(), lambda *part: None, end)

    def _begin(self, request: ClientRequest) -> None:
        if self._environment is None:
            raise DecodeError('a request before the greeting')
        elsewhere = next((node for node in self._owing if node.is_retired and not node.dead), None)
        content = request.content
        if isinstance(content, Reset):
            self._refusal = self._failure = None
            self._forgive()
            self.settled(request)
            self._server.reset(request.link, lambda existed: self.send(protocol.RESULT, request.number, existed))
            return
        if isinstance(content, Summary):
            self.settled(request)
            self.jobs.summary(content.run, lambda value: self.send(protocol.RESULT, request.number, value))
            return
        if isinstance(content, HostOut):
            self.settled(request)
            self.jobs.host_is_out(content.run, content.host)
            self.send(protocol.RESULT, request.number, None)
            return
        if elsewhere is not None:
            self._settle_up(request, elsewhere)
            return
        if request.is_waited_for:
            self._check_unanswered()
        elif self._refusal is not None:
            self.settled(request)  # dropped after a failure
            return
        elif any(node.dead for node in self._owing):
            raise ChannelError('what came before it was done elsewhere')
        self._used = {node for node in self._used if not node.dead}
        self._when_up(request, self._root(request), self._reach)

    def _root(self, request: ClientRequest) -> RootNode:
        environment = self._environment or {}
        return self._server.root(request.link, request.timeout_s, environment, self._python, self.telling)

    def _check_unanswered(self) -> None:
        """Raise why an earlier deferred operation was not done, and clear the failure."""
        refusal, self._refusal = self._refusal, None
        dead = [node for node in self._owing if node.dead]
        lost = [node.dead for node in dead if not node.has_left]
        for node in dead:
            self._paid(node)
        if lost:
            raise ChannelError(str(lost[0]))
        if refusal is not None:
            raise refusal

    def _when_up(self, request: ClientRequest, node: Node, then: Callable[[ClientRequest, Node], None]) -> None:
        """Continue with `then` once the node's agent answers."""
        self.hold(request, node)

        def ready(error: Error | None) -> None:
            if error is None:
                self.telling.is_up(node)
                self.step(then, request, node)
            elif isinstance(error, StaleError):
                self.step(raise_error, request, error)
            elif node is node.root and self._server.current(request.link) not in (None, node):
                self.step(self._begin, request)  # its replacement failed, and the old one continues
            elif isinstance(node, ChildNode) and self._may_have_it(request, node, error):
                self.step(self._reach, request, node.root)  # now it is our turn
            else:
                self.telling.failed(node)
                self.step(raise_error, request, error)

        if node.facts is None:
            self.telling.waits(node if node is node.root else None)
        node.when_ready(ready)

    def _may_have_it(self, request: ClientRequest, child: ChildNode, error: Error) -> bool:
        """Whether to start a child that failed for another client."""
        was_refused = isinstance(error, StartError) and error.status is not None
        if was_refused and child.asked_for_tty(self._has_password):
            child.root.wants_tty = True
            if self._may_use_tty:
                return True
        # A refusal is reported with the command's output, which only the session has that answered its prompts.
        return child.session != self.id and (child.given_up or was_refused)

    def _reach(self, request: ClientRequest, root: Node) -> None:
        """Find or start the child of the become account, then perform the request."""
        self.uses(root)
        if isinstance(request.content, Facts):
            self.settled(request)
            self.telling.answered(root, 0, 0)
            self.send(protocol.RESULT, request.number, root.facts)
            return
        if request.become_key is None:
            self._operations.carry_out(request, root)
            return
        child = root.children.get(request.become_key)
        if child is not None and not child.dead:
            self._when_up(request, child, self._operations.carry_out)
        elif request.is_waited_for:
            self._start_child(request, root)
        else:
            # Starting one takes a client that listens.
            raise StartError('become', str(root.context), 'its context is gone', 'Try again.')

    def _start_child(self, request: ClientRequest, root: Node) -> None:
        """Ask the client for the command: it has the become plugin; other clients wait for the same child."""
        marker = 'SVCFW-' + os.urandom(8).hex()
        self.telling.waits()
        self._on_command = lambda value: self.step(self._run_command, request, root, marker, value)
        self.send(protocol.BECOME_BUILD, request.number, root.boot_command(marker))

    def _run_command(self, request: ClientRequest, root: Node, marker: str, value: Any) -> None:
        command, need_tty, self._has_password, folder = value
        self._may_use_tty = need_tty is None
        has_tty = bool(root.wants_tty if need_tty is None else need_tty)
        child = root.children.get(request.become_key)
        if child is None or child.dead:
            keeping.make_room(root)
            number = request.number  # of the request itself the child is to keep nothing
            child = ChildNode(
                root, 'as another account', self.id, ['/bin/sh', '-c', command], has_tty, marker,
                request.timeout_s + BECOME_GRACE_S,
                lambda data: self.send(protocol.BECOME_OUTPUT, number, data),
            )  # fmt: skip
            child.run = self.telling.run
            self._child = root.children[request.become_key] = child

        def carry_out(request: ClientRequest, child: Node) -> None:
            if folder and child.facts['home'] == root.facts['home']:  # type: ignore[index]
                root.tell(self.id, requests.Ensure(folder, 0o077))
            self._operations.carry_out(request, child)

        self._when_up(request, child, carry_out)
