"""RootNode: the context of the login account."""

import logging
from collections.abc import Callable
from typing import Any

from svcfw.core import handles
from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.core.wire.errors import Error, StartError
from svcfw.mux.server.node import AGENT_MODULE, Node
from svcfw.program.router import Router
from svcfw.transport import connect, failures, messages
from svcfw.transport.spec import Spec
from svcfw.transport.start import Starter

#: Lines that are logged of a program's output if its link did not come up.
MAX_LOGGED_LINES = 20
#: Pause after a failed login that was to replace a stale one.
LAST_RESORT_S = 60.0
#: An agent that acknowledges nothing for this long is given up, as TCP gives a silent host up after a quarter of an
#: hour (tcp_retries2). A retired one that no client needs, sooner.
STALLED_S, RETIRED_STALLED_S = 900.0, 15.0
_OVERFULL = 'See whether the host has memory and processes left.'

_log = logging.getLogger('svcfw.mux')


class RootNode(Node):
    """The context of a login.

    on_end(): called when it has died, perhaps more than once. take: FirstLogin.take, or None.
    """

    def __init__(
        self, router: Router, spec: Spec, on_end: Callable[[], None], take: Callable[[Spec], Any] | None = None
    ) -> None:
        Node.__init__(self, router, None)
        spec, launch = (spec, None) if take is None else take(spec)
        self.name = self.host = spec.host
        self._spec = spec
        self.way = connect.choice(spec)[1]
        #: Its process is lost, or did not start. One that was told to end is dead before that.
        self.is_over = False
        #: It was begun ahead, and nobody has asked for it so far.
        self.is_unasked = False
        self._on_end = on_end
        self._is_linked = False
        self._starter: Starter | None = None
        self._deadline = router.loop.call_later(2 * spec.timeout_s + 2, self._too_late)
        try:
            launch = launch or connect.launcher(spec)
            self._starter = Starter(router, spec.host, launch, self._on_link, self.fail, spec.timeout_s)
        except Exception as exc:
            error = exc if isinstance(exc, Error) else self._unforeseen(exc)
            router.loop.call_soon(lambda: self.fail(error))
            return
        self.context = self._starter.context
        router.on_gone(self.context, self.lost)
        # Both are in the pipe before the child reads its first byte.
        router.responder.push(self.context, [AGENT_MODULE])
        self.context.request_async(handles.CALL_FUNCTION, ((AGENT_MODULE, 'start'), (), {}), self._on_facts)

    def _unforeseen(self, exc: Exception) -> StartError:
        _log.exception('%s: its start failed', self.host)
        return StartError('died', self.host, f'its start failed: {exc!r}', 'The log of the multiplexer has more.')

    def said(self) -> str:
        dialogue: Any = None if self._starter is None else self._starter.dialogue
        return str(dialogue.said) if dialogue else ''

    def command(self) -> list[str]:
        return self._starter.command if self._starter is not None else []

    def _last_said(self) -> list[str]:
        lines = [line for line in self.said().splitlines() if line and not line.startswith(messages.SSH_DEBUG)]
        return ['It said:', *lines[-MAX_LOGGED_LINES:]] if lines else []

    def _on_link(self, context: Context) -> None:
        self._is_linked = True

    def _on_facts(self, message: Message) -> None:
        if message.is_dead or self.dead:
            return  # `lost` or the starter report the cause
        try:
            assert self.context is not None
            self.adopt(self.context, message.small_value())
            self._deadline.cancel()
            self._forget_secrets()
        except Error as exc:
            self.fail(StartError('died', self.host, f'its agent did not start: {exc}', _OVERFULL))

    def _forget_secrets(self) -> None:
        """Drop what only a start needs; called once it is up or has failed."""
        self._spec.password = self._spec.passphrase = self._spec.env = None

    def _too_late(self) -> None:
        if self.facts is None:
            self.fail(StartError('timeout', self.host, 'its agent did not answer in time', 'Raise the timeout.'))

    def fail(self, error: Error) -> None:
        self._deadline.cancel()
        failures.forget_origin(error)
        if self.facts is None and not self.has_left:
            _log.warning('%s%s', error, ''.join(f'\n  {line}' for line in self._last_said()))
        super().fail(error)
        self.flow.close()
        self._end()
        self._forget_secrets()
        self.is_over = True
        self._on_end()

    def lost(self, reason: str) -> None:
        # The starter explains a failed start: it has still to read the program's output.
        if self.facts is None and self._is_linked:
            self.fail(StartError('died', self.host, self.clause(reason), _OVERFULL))
        elif self.facts is not None:
            super().lost(self.clause(reason))
            self.flow.close()
            self.is_over = True
            self._on_end()

    def is_idle(self) -> bool:
        return super().is_idle() and not self.flow.is_busy()

    def end_if_stalled(self, is_needed: Callable[[Node], bool]) -> None:
        """Give up a host that acknowledges nothing. is_needed(node): whether a client waits for it."""
        stalled_s = self.flow.stalled_s()
        is_long = stalled_s > STALLED_S
        is_in_vain = self._is_retired and stalled_s > RETIRED_STALLED_S and not is_needed(self)
        if (is_long or is_in_vain) and not self.dead:
            self.expel(
                f'{self.host}: it has taken nothing for {stalled_s:.0f} s. See whether it, or a disk there, hangs.'
            )

    def reinstate(self) -> None:
        """Undo the retirement for some time: a new login is not possible."""
        self._is_retired = False
        self.last_resort_until = self.router.loop.clock() + LAST_RESORT_S

    def retire(self) -> None:
        super().retire()
        if self.facts is None and not self.dead and self.is_idle():
            self.leave()

    def leave(self) -> None:
        self.has_left = True
        if self.facts is None:
            self.fail(StartError('died', self.host, 'it was reset while it started', 'Try again.'))
        else:
            self.dead = self.dead or 'it was reset'
            self._end()

    def _end(self) -> None:
        if self._starter is not None:
            self._starter.give_up(StartError('died', self.host, self.dead or ''))
            self._starter.leave()
