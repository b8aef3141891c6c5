"""Pulse: detects a service host that does not answer, as when a method never releases the GIL."""

from collections.abc import Callable

from svcfw.core.loop import Loop

#: Interval of questions while calls are under way, and the time without an answer after which these calls fail.
INTERVAL_S, SILENT_S = 5.0, 60.0


class Pulse:
    """ask(on_answer): sends a question; is_needed(): whether calls are under way; on_silent(): no answer came.

    Loop thread only.
    """

    def __init__(
        self,
        loop: Loop,
        ask: Callable[[Callable[[], None]], None],
        is_needed: Callable[[], bool],
        on_silent: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._ask = ask
        self._is_needed = is_needed
        self._on_silent = on_silent
        self._is_beating = False
        self._asked_at: float | None = None

    def begin(self) -> None:
        """A call is under way: ask now and then until none is."""
        if not self._is_beating:
            self._is_beating = True
            self._loop.call_later(INTERVAL_S, self._beat)

    def _beat(self) -> None:
        if not self._is_needed():
            self._is_beating = False
            return
        now = self._loop.clock()
        if self._asked_at is None:
            self._asked_at = now
            self._ask(self._answered)
        elif now - self._asked_at > SILENT_S:
            self._on_silent()
        self._loop.call_later(INTERVAL_S, self._beat)

    def _answered(self) -> None:
        self._asked_at = None
