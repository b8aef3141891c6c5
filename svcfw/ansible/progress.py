"""Progress of long transfers, shown at -vv."""

import time
from collections.abc import Callable

#: Interval between two lines; shorter transfers print none.
INTERVAL_S = 5.0
_MIB = 1024 * 1024


class Progress:
    """Call it with (bytes done, bytes in total or 0) at any rate; `say(line)` is called now and then."""

    def __init__(self, what: str, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._say = say
        self._clock = clock
        self._started_at = self._said_at = clock()

    def __call__(self, done: int, total: int) -> None:
        now = self._clock()
        if now - self._said_at >= INTERVAL_S:
            self._said_at = now
            rate = done / (now - self._started_at)
            in_all = f' of {total / _MIB:.1f}' if total else ''
            self._say(f'{self._what}: {done / _MIB:.1f}{in_all} MiB, {rate / _MIB:.1f} MiB/s')
