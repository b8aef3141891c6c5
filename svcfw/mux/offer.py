"""Offer: what one job may ask the controller for, as the client says with the job's request."""

import os
from pathlib import Path
from typing import Any, NamedTuple

from svcfw.core.wire.errors import DecodeError

#: In /proc/PID/stat, behind the name in parentheses: the time of the start, in ticks.
_START_FIELD = 19


class Offer(NamedTuple):
    """One job's.

    run: (process id, time of start) of the run's main process, which its worker processes have in common; python,
    path, folder: that process's interpreter, sys.path and working folder; places: folders in which services are looked
    for before all others; services: names of those that the job may call; files: paths of files and folders that it
    may fetch; uploads: folders in which it may write files, all jobs of its host no more than upload_bytes in a run;
    facts: what services hear of the caller (see svcfw.service.caller).
    """

    run: tuple[int, int]
    python: str
    path: list[str]
    folder: str
    places: list[str]
    services: list[str]
    files: list[str]
    uploads: list[str]
    upload_bytes: int
    facts: dict[str, str | None]


def decoded(value: Any) -> Offer:
    """The Offer that a client has sent as a tuple. DecodeError."""
    kinds = (tuple, str, list, str, list, list, list, list, int, dict)
    if type(value) is not tuple or tuple(map(type, value)) != kinds or tuple(map(type, value[0])) != (int, int):
        raise DecodeError('that is no offer')
    return Offer(*value)


def start_time(pid: int) -> int:
    """What tells a process from a later one of the same id; 0 where the system does not say. OSError if it is gone."""
    if not os.path.isdir('/proc/self'):
        os.kill(pid, 0)
        return 0
    return int(Path(f'/proc/{pid}/stat').read_bytes().rpartition(b')')[2].split()[_START_FIELD])
