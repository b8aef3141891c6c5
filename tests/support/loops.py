"""Time that stands still until a test says otherwise: a clock, and a loop of which nothing runs by itself."""

from collections.abc import Callable


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class StillTimer:
    def __init__(self, when: float, function: Callable[[], object]) -> None:
        self.when = when
        self.function = function
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class StillLoop:
    """Stands for svcfw.core.loop.Loop: keeps what is to be called; `turn` and `advance` call it."""

    def __init__(self, now: float = 0.0) -> None:
        self.clock = Clock(now)
        self.soon: list[Callable[[], object]] = []
        self.timers: list[StillTimer] = []

    def call_soon(self, function: Callable[[], object]) -> None:
        self.soon.append(function)

    def call_later(self, seconds: float, function: Callable[[], object]) -> StillTimer:
        self.timers.append(StillTimer(self.clock.now + seconds, function))
        return self.timers[-1]

    def turn(self) -> None:
        """Call what was to be called soon."""
        soon, self.soon = self.soon, []
        for function in soon:
            function()

    def advance(self, seconds: float) -> None:
        """Let time pass, and call the timers that are due by then."""
        self.clock.now += seconds
        due = [timer for timer in self.timers if timer.when <= self.clock.now]
        self.timers = [timer for timer in self.timers if timer not in due]
        for timer in due:
            if not timer.is_cancelled:
                timer.function()
