"""Where a task over svcfw reports something else than over stock ssh, and is meant to.

Each entry that names a topic is found in the runs of that topic; one that is found no more fails the test, as does a
difference that is not listed.
"""

import re
from dataclasses import dataclass

#: For every topic; need not be found.
ANY = '*'


@dataclass(frozen=True)
class Deviation:
    """Lines of `comparison` that match `pattern` in `topic`, over `ways` (all if none are named), and why."""

    topic: str
    pattern: str
    reason: str
    ways: tuple[str, ...] = ()

    @property
    def must_show(self) -> bool:
        return self.topic != ANY

    def matches(self, line: str) -> bool:
        return re.search(self.pattern, line, re.DOTALL) is not None


OVER_SSH = ('openssh', 'short-name', 'paramiko')

DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        ANY,
        r"\.msg: ['\"]Task failed: .*['\"] != ['\"]Task failed: (Failed to authenticate: )?Failed to connect to the host ",
        'why a host cannot be reached is said in words of our own: host, account, cause, remedy, log',
    ),
    Deviation(
        ANY,
        r"file \w+:/\S+/\.ansible(/tmp)?: \['drwx\S+ \d+:\d+'\] != \['unchanged'\]",
        'modules run from memory, so that ~/.ansible/tmp is not made where nothing is put into it',
    ),
)


def of(topic: str, way: str) -> list[Deviation]:
    """Those that count for runs of `topic` over `way`."""
    return [each for each in DEVIATIONS if each.topic in (topic, ANY) and way in (each.ways or (way,))]
