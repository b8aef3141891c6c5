from collections.abc import Callable

from svcfw.core.loop import Loop

MAX_POLL_S: float

class Waiter:
    ready: bool
    brief: bool
    def __init__(self, loop: Loop, brief: bool = False) -> None: ...
    def set(self) -> None: ...

class Timer:
    when: float
    function: Callable[[], object] | None
    def __init__(self, when: float, function: Callable[[], object]) -> None: ...
    def cancel(self) -> None: ...
    def __lt__(self, other: Timer) -> bool: ...
