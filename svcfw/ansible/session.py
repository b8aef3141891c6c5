"""A connection plugin's client of the multiplexer: connected on first use, dropped after an error."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

from svcfw.ansible.errors import RETRIED_KINDS
from svcfw.core.wire.errors import StartError
from svcfw.mux.client.client import Client, DeferredError, Target
from svcfw.mux.client.starting import MuxError

Answer = TypeVar('Answer')

# The stock connection's pauses between attempts: 0, 1, 3, 7, ... up to this.
_MAX_PAUSE_S = 30


class MuxCalls:
    """Calls on the client of one connection, from one thread.

    `connect(start=...)` returns a client, or None if `start` is false and there is no multiplexer. `retries`: how often
    a failed start is repeated; `on_retry(error, pause_s)` is called before each.
    """

    def __init__(
        self,
        connect: Callable[..., Client | None],
        on_retry: Callable[[StartError, float], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.retries = 0
        self._connect = connect
        self._on_retry = on_retry
        self._sleep = sleep
        self._client: Client | None = None
        self._owner_pid = 0
        self._has_deferred = False
        self._up_link: bytes | None = None
        self._begun_link: bytes | None = None

    def begin(self, target: Target) -> None:
        """Have the context of `target` started, unless it is known to be up or was begun. Waits for nothing.

        Raises MuxError, RundirError, ChannelError; the next call is made all the same.
        """
        if target.link not in (self._up_link, self._begun_link):
            self._guarded(lambda client: client.begin_context(target))
            self._begun_link = target.link

    def call(self, target: Target, operation: Callable[[Client], Answer]) -> Answer:
        """The result of `operation`, a blocking call for `target`.

        Raises StartError, DeferredError, ChannelError, MuxError as the client does. Anything else that interrupts the
        wait (a task's time-out, Ctrl-C, a wrong become password) closes the socket, upon which the multiplexer kills
        the job.
        """
        attempt = 0
        while True:
            try:
                answer = self._guarded(operation)
            except StartError as exc:
                # Deferred operations are lost with their context: do not repeat this one without them.
                if attempt >= self.retries or exc.kind not in RETRIED_KINDS or self._has_deferred:
                    self._has_deferred = False
                    raise
                self._pause(exc, min(2**attempt - 1, _MAX_PAUSE_S))
                attempt += 1
            except DeferredError:
                self._has_deferred = False
                raise
            else:
                self._has_deferred = False
                self._up_link = target.link
                return answer

    def send(self, operation: Callable[[Client], None]) -> None:
        """Start a deferred `operation`; its error is raised by a later `call`.

        Raises DeferredError of an earlier one if this one needs an answer.
        """
        try:
            self._guarded(operation)
        except DeferredError:
            self._has_deferred = False
            raise
        self._has_deferred = True

    def settle(self, target: Target) -> None:
        """Wait until all deferred operations are done, before another way is used. Errors as of `call`."""
        if self._has_deferred:
            self.call(target, lambda client: client.flush(target))

    def ensure_up(self, target: Target) -> None:
        """Wait until the context of `target` is up, so that deferred operations are not lost if it cannot start."""
        if self._up_link != target.link:
            self.call(target, lambda client: client.facts(target))

    def reset(self, target: Target) -> bool:
        """End the context of `target`, true if there was one; does not start a multiplexer."""
        self._up_link = self._begun_link = None
        if self._current() is None:
            self._adopt(self._connect(start=False))
        return self._client is not None and self._guarded(lambda client: client.reset(target))

    def close(self) -> None:
        """Close in order: deferred operations are still performed."""
        client = self._release()
        if client is not None:
            client.close()

    def abandon(self) -> None:
        """Close the socket at once: the multiplexer kills what runs for it."""
        client = self._release()
        if client is not None:
            client.abort()

    def _guarded(self, operation: Callable[[Client], Answer]) -> Answer:
        try:
            return operation(self._ready_client())
        except (StartError, DeferredError):
            raise  # the client has received its whole answer and stays usable
        except BaseException:
            self.abandon()
            raise

    def _ready_client(self) -> Client:
        client = self._current()
        if client is None:
            client = self._adopt(self._connect(start=True))
            if client is None:
                raise MuxError('it was not started')
        return client

    def _adopt(self, client: Client | None) -> Client | None:
        self._client = client
        self._owner_pid = os.getpid()
        return client

    def _current(self) -> Client | None:
        """The client, unless it was inherited by a fork: then the socket belongs to the other process."""
        return self._client if self._owner_pid == os.getpid() else None

    def _release(self) -> Client | None:
        client = self._current()
        self._client = None
        self._up_link = self._begun_link = None
        self._has_deferred = False
        return client

    def _pause(self, error: StartError, pause_s: float) -> None:
        self._on_retry(error, pause_s)
        self._sleep(pause_s)
