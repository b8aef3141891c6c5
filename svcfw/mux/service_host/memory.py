"""The memory of a service host: half of what there is, so that a service which eats it raises MemoryError.

Else the system would end some process for it: the multiplexer, perhaps, or a program that has nothing to do with us.
"""

import contextlib
import os
import resource
from pathlib import Path

PART = 2
#: Of two processes of the same size the system ends the one with the larger number; -1000 to 1000.
OOM_SCORE = '500'
_CGROUP_LIMITS = ('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes')


def limit() -> None:
    """Limit this process's memory, as far as it is not limited to less. A service may raise the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = there() // PART
    for present in (soft, hard):
        if present != resource.RLIM_INFINITY:
            wanted = min(wanted, present)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
    with contextlib.suppress(OSError):
        Path('/proc/self/oom_score_adj').write_text(OOM_SCORE)


def there() -> int:
    """Bytes of memory of this machine, or of its container."""
    limits = [os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')]
    for path in _CGROUP_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # there is no such file, or it says `max`
            limits.append(int(Path(path).read_text()))
    return min(limits)
