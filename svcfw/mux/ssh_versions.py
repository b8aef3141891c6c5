"""What ssh programs have said of their version, from one multiplexer to the next: to ask takes 10 ms of each start.

A file in the private folder of the socket. Nothing of it is executed: the most that a wrong line does is a login with
another cipher, or one that ssh refuses. Only binaries are remembered, since what a script starts may be another one
tomorrow; one that was replaced has another identity (`openssh.identity`).
"""

import os
import re
from contextlib import suppress

from svcfw.transport import openssh

#: More are no use to anyone.
MAX_PROGRAMS, MAX_BYTES = 10, 16 * 1024
_BINARY = b'\x7fELF'
_LINE = re.compile(r'(\d{1,4})\.(\d{1,4}) (\d+) (\d+) (\d+) (\d+) (\d+) (/.+)')


def recall(folder: 'str | os.PathLike[str]') -> None:
    """Take over what an earlier multiplexer has left. What is wrong with it is ignored."""
    with suppress(OSError, ValueError), open(_path(folder), encoding='utf-8') as file:
        for found in map(_LINE.fullmatch, file.read(MAX_BYTES).splitlines()):
            if found is not None:
                major, minor, *numbers = map(int, found.groups()[:-1])
                openssh.versions[found[8], *numbers] = major, minor


def remember(folder: 'str | os.PathLike[str]') -> None:
    """Leave what this process knows for the next one. No-op where that cannot be written."""
    lines = []
    for (program, *numbers), (major, minor) in openssh.versions.items():
        if numbers and '\n' not in program and _is_binary(program):
            lines.append(f'{major}.{minor} {" ".join(map(str, numbers))} {program}\n')
    if not lines:
        return
    path = _path(folder)
    part = f'{path}.{os.urandom(4).hex()}'
    with suppress(OSError, ValueError):
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, 'w', encoding='utf-8') as file:
            file.writelines(lines[-MAX_PROGRAMS:])
        os.rename(part, path)
    with suppress(OSError):
        os.unlink(part)


def _is_binary(program: str) -> bool:
    try:
        with open(program, 'rb') as file:
            return file.read(len(_BINARY)) == _BINARY
    except OSError:
        return False


def _path(folder: 'str | os.PathLike[str]') -> str:
    return os.path.join(folder, 'ssh-versions')
