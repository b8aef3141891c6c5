"""Session: one client of the multiplexer. Its requests start in order; while one waits, so do later ones.

A request goes through: `_begin` (what the multiplexer answers itself, failures of earlier ones), `_when_up` (its node),
`_reach` (the child of the become account, whose command the client builds), Operations (the agent). Each step runs by
`step`, which turns what it raises into the answer, or begins anew where a stale context has refused.
"""

import logging
import os
import select
from collections.abc import Callable
from typing import Any

from svcfw.agent import requests
from svcfw.core.stream import Stream
from svcfw.core.wire.errors import CallError, ChannelError, DecodeError, Error, StartError
from svcfw.core.wire.frames import Frame
from svcfw.core.wire.link import Goodbye
from svcfw.mux import protocol
from svcfw.mux.requests import Facts, HostOut, Reset, Summary
from svcfw.mux.server import keeping
from svcfw.mux.server.backlog import Backlog, ClientRequest
from svcfw.mux.server.child_node import ChildNode
from svcfw.mux.server.debts import Debts
from svcfw.mux.server.exchange import Exchange
from svcfw.mux.server.node import Node, StaleError
from svcfw.mux.server.operations import Multiplexer, Operations, pause_until_room, raise_error
from svcfw.mux.server.root_node import RootNode
from svcfw.mux.server.services.activations import ServiceError
from svcfw.mux.server.telling import Telling

#: What ends the client's wait for its request.
_ANSWERS = frozenset({protocol.RESULT, protocol.START_FAILED, protocol.DEFERRED_FAILED, protocol.LOST})
#: Added to a command's time-out for the news of it, as in the stock connection.
BECOME_GRACE_S = 2

_log = logging.getLogger('svcfw.mux')


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
        #: From the greeting: the client's environment, empty before it and after the end, and Spec.modules_python.
        self.environment: dict[str, str] = {}
        self.python: str | None = None
        #: Requests that wait for the current one, which is starting or waiting.
        self._backlog = Backlog(self._codec)
        self._current: ClientRequest | None = None
        self._is_advancing = False
        self.debts = Debts(session_id)
        self.telling = Telling(session_id, server.router.loop.clock, lambda handle, value: self.send(handle, 0, value))
        self._operations = Operations(self)
        #: The child whose prompts this client answers; what its command for that child is passed to; whether the child
        #: gets a terminal if it asks, and a password there.
        self._child: ChildNode | None = None
        self._on_command: Callable[[Any], None] | None = None
        self._may_use_tty = self._has_password = False
        self._has_said_goodbye = False
        #: Whether it is a client that uses contexts; `svcfw status` is none.
        self.has_greeted = False
        #: The number of the request whose answer the client waits for.
        self._asked = 0
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
                self._asked = event.reply_to
                self.telling.arrived()
            self._backlog.put(event, self.stream)
            self.advance()
        elif event.handle == protocol.HELLO:
            self.environment, idle_timeout_s, self.python, run, ssh_verbosity = self._codec.decode(event.payload)
            self.has_greeted = True
            self.telling.run, self.telling.is_wanted = str(run), ssh_verbosity is not None
            self.telling.ssh_verbosity = int(ssh_verbosity or 0)
            self._server.welcome(self, idle_timeout_s)
        elif event.handle == protocol.BEGIN:
            link, timeout_s = self._codec.decode(event.payload)
            self._server.begin(self, link, timeout_s)
        elif event.handle == protocol.STOP:
            self._server.stop()
        elif event.handle == protocol.STATUS:
            self.send(protocol.RESULT, event.reply_to, self._server.status(self))
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
        self.environment, self._on_command = {}, None  # there may be secrets in both
        self._backlog.clear()
        self._operations.close()
        if self._current is not None:
            self.settled(self._current)
        if self._child is not None and self._child.facts is None:
            self._child.given_up = True
        self.debts.leave()
        self._server.session_over(self)

    # -- to the client

    def say_alive(self) -> None:
        """Tell the client that the multiplexer is there, if it may be waiting: for an answer, or to be read from."""
        is_waiting = self._asked or self._current or self._backlog or self.debts.has_any()
        if is_waiting and not self.stream.is_full():
            self.send(protocol.ALIVE, 0, None)

    def send(self, handle: int, number: int, value: Any) -> None:
        if handle in _ANSWERS:
            self._asked = 0
        try:
            self.stream.send(Frame(0, 0, 0, handle, number, 0, self._codec.encode(value)))
        except ChannelError:
            pass  # the client is gone: see on_closed
        except Error as exc:
            self._break_off(f'what it asked for cannot be sent: {exc}')

    def deliver(self, request: ClientRequest, handle: int, value: Any) -> None:
        """Send the answer, unless a deferred operation failed."""
        failure = self.debts.take_failure()
        if failure is not None:
            self.send(protocol.DEFERRED_FAILED, request.number, failure)
        else:
            self.send(handle, request.number, value)

    def fail(self, request: ClientRequest, error: Error) -> None:
        if not request.is_waited_for:
            if not isinstance(request.content, requests.Remove):
                self.debts.refused(error)
        elif isinstance(error, StartError):
            # The agent was not asked, and may still have a failure to report: the next answer brings it.
            self.send(protocol.START_FAILED, request.number, error.args)
        elif isinstance(error, ServiceError):  # nor for this
            self.send(protocol.DEFERRED_FAILED, request.number, (protocol.SERVICE, error.name, 1, error.cause))
        elif isinstance(error, CallError):
            _log.error('client %d: its request failed over there: %s', self.id, error)
            self.deliver(request, protocol.LOST, f'its agent failed there ({error.typename}: {error.message})')
        else:
            self.deliver(request, protocol.LOST, str(error))

    def held_bytes(self) -> int:
        """What is kept for the client: requests that wait, and answers that it has not taken."""
        return self._backlog.size_bytes + self.stream.queued_bytes

    def needs(self, node: Node) -> bool:
        """Whether the client is still there and has a request or operation at this node.

        Its end is not noticed while nothing is read from it because a host does not take what it sends.
        """
        if not self.debts.is_at(node):
            return False
        poller = select.poll()
        poller.register(self._fd, 0)
        return not self.stream.closed and not poller.poll(0)

    # -- the queue of requests

    def advance(self) -> None:
        """Start requests until one has to wait."""
        if self._is_advancing:
            return
        self._is_advancing = True
        try:
            while self._backlog and self._current is None:
                try:
                    self._current = request = self._backlog.take(self.stream)
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
            self.fail(request, exc.with_traceback(None))  # nodes keep errors, but not what was asked of them
        except Exception as exc:
            _log.exception('client %d: its request failed', self.id)
            self._break_off(f'its request failed: {exc}')
        self.advance()

    def settled(self, request: ClientRequest) -> None:
        """The next request may start."""
        if self._current is request:
            self._current = None
            self.debts.let_go(request)

    def _carry_out_anew(self, request: ClientRequest, error: StaleError) -> None:
        """A stale context has refused the request, with earlier ones done: use a new context.

        Once. A context that changes all the time is then used as it is, for all further requests of this client.
        """
        self.debts.let_go(request)
        self.debts.paid(error.said_by)
        if self.debts.takes_stale:
            self.step(raise_error, request, ChannelError(str(error)))  # it was told to perform it nevertheless
            return
        _log.info('client %d: %s', self.id, error)
        if request.was_stale:
            self.debts.takes_stale = True
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
            self.debts.paid(node)
            if isinstance(result, Error):
                self.debts.refused(result)
            self.step(self._begin, request)

        node.tell(self.id, requests.Anyway())
        if node is not node.root:
            node.root.tell(self.id, requests.Anyway())
        Exchange(node, self.id, self.stream, requests.Flush(), lambda *part: None, end)

    def _begin(self, request: ClientRequest) -> None:
        if not self.has_greeted:
            raise DecodeError('a request before the greeting')
        elsewhere = self.debts.elsewhere()
        content = request.content
        if isinstance(content, Reset):
            self.debts.clear()
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
            self.debts.check()
        elif self.debts.is_refused:
            self.settled(request)  # dropped after a failure
            return
        else:
            self.debts.require_alive()
        self.debts.forget_dead()
        self._operations.foresee(request)
        self._when_up(request, self._root(request), self._reach)

    def _root(self, request: ClientRequest) -> RootNode:
        environment = self.environment
        return self._server.root(request.link, request.timeout_s, environment, self.python, self.telling)

    def _when_up(self, request: ClientRequest, node: Node, then: Callable[[ClientRequest, Node], None]) -> None:
        """Continue with `then` once the node's agent answers."""
        if self._current is request:
            self.debts.hold(request, node)

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
        self.debts.uses(root)
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
