"""Where a task over svcfw reports something else than over stock ssh, and is meant to.

Each entry is found in the runs of its topic; one that is found no more fails the test, as one that is not listed does.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Deviation:
    """Lines of `comparison` that match `pattern` in `topic`, over `ways` (all if none are named), and why."""

    topic: str
    pattern: str
    reason: str
    ways: tuple[str, ...] = ()

    def matches(self, line: str) -> bool:
        return re.search(self.pattern, line, re.DOTALL) is not None


DEVIATIONS: tuple[Deviation, ...] = ()


def of(topic: str, way: str) -> list[Deviation]:
    """Those that runs of `topic` over `way` are to show."""
    return [each for each in DEVIATIONS if each.topic == topic and way in (each.ways or (way,))]
