"""The client's part in copying a file: reads or writes the local one, and verifies it."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from io import FileIO
from typing import Any

from svcfw.agent import ops
from svcfw.agent.requests import Fetch, PutKept, Request
from svcfw.mux.requests import Large, PutPart, PutWhole

#: Bytes of a file in one message: large enough for few messages, small enough not to delay other clients.
CHUNK_BYTES = 64 * 1024
_READ_BYTES = 1024 * 1024

#: on_progress(bytes done, bytes in total, 0 if unknown): called often.
OnProgress = Callable[[int, int], None]
#: ask(request) -> answer; defer(request).
Ask = Callable[..., Any]
Defer = Callable[[Request], None]


def put(
    ask: Ask, defer: Defer, local_path: str, remote_path: str, on_progress: OnProgress, *, holds: bool = True
) -> None:
    """Send a file; it has been read when this returns. OSError for the local file, also if it was modified
    meanwhile. holds: as of Client.put_file."""
    with open(local_path, 'rb', buffering=0) as file:
        before = os.fstat(file.fileno())
        mode = before.st_mode & 0o777
        head = _read(file, ops.HELD_BYTES + 1)
        if len(head) <= ops.HELD_BYTES and (holds or not head):
            _check(file, before, len(head))
            defer(PutWhole(remote_path, mode, hashlib.sha256(head).digest(), head))
            on_progress(len(head), len(head))
        elif len(head) <= ops.HELD_BYTES or not _is_there_already(ask, file, before, remote_path):
            _stream(defer, file, before, head, remote_path, on_progress)


def fetch(ask: Ask, remote_path: str, local_path: str, on_progress: OnProgress) -> int:
    """Copy a file of the target to an existing one; returns its permission bits. OSError for the local file."""
    with open(os.open(local_path, os.O_WRONLY | os.O_TRUNC), 'wb', buffering=_READ_BYTES) as file:
        hashed = hashlib.sha256()
        total = 0

        def keep(stdout: bytes, stderr: bytes) -> None:
            nonlocal total
            file.write(stdout)
            hashed.update(stdout)
            if len(stderr) == ops.SIZE.size:
                (total,) = ops.SIZE.unpack(stderr)
            on_progress(file.tell(), total)

        number, stdout, digest = ask(Fetch(remote_path), on_part=keep)
        keep(stdout, b'')
        if hashed.digest() != digest:
            raise OSError(errno.EIO, 'checksum mismatch. Fetch it again', remote_path)
    return int(number)


def _is_there_already(ask: Ask, file: FileIO, before: os.stat_result, remote_path: str) -> bool:
    """Whether the target had a large file with this content and has now put it in place.

    The file is hashed only if the target may have such a one, judging by its size.
    """
    known = ask(Large(before.st_size)) if stat.S_ISREG(before.st_mode) else []
    if not known:
        return False
    hashed = hashlib.sha256()
    size = 0
    file.seek(0)
    while data := file.read(_READ_BYTES):
        hashed.update(data)
        size += len(data)
    _check(file, before, size)
    file.seek(ops.HELD_BYTES + 1)
    digest = hashed.digest()
    return digest in known and bool(ask(PutKept(remote_path, before.st_mode & 0o777, digest)))


def _stream(
    defer: Defer, file: FileIO, before: os.stat_result, head: bytes, remote_path: str, on_progress: OnProgress
) -> None:
    mode = before.st_mode & 0o777
    hashed = hashlib.sha256()
    flags = ops.PUT_FIRST
    size = 0
    try:
        for data in _chunks(file, head):
            hashed.update(data)
            size += len(data)
            defer(PutPart(remote_path, mode, data, flags, b'', 0))
            flags = 0
            on_progress(size, before.st_size)
        _check(file, before, size)
    except OSError:
        defer(PutPart(remote_path, mode, b'', ops.PUT_ABANDON, b'', 0))
        raise
    defer(PutPart(remote_path, mode, b'', ops.PUT_LAST, hashed.digest(), size))


def _chunks(file: FileIO, head: bytes) -> Iterator[bytes]:
    data = head
    while data:
        for start in range(0, len(data), CHUNK_BYTES):
            yield data[start : start + CHUNK_BYTES]
        data = file.read(_READ_BYTES)


def _read(file: FileIO, most: int) -> bytes:
    """The next bytes, fewer than `most` only at the end."""
    data = b''
    while more := file.read(most - len(data)):
        data += more
    return data


def _check(file: FileIO, before: os.stat_result, size: int) -> None:
    """Raise OSError unless the file is the one whose `size` bytes were read."""
    now = os.fstat(file.fileno())
    # Files in /proc and the like have no size.
    is_cut = stat.S_ISREG(before.st_mode) and before.st_size and before.st_size != size
    if is_cut or (before.st_size, before.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
        raise OSError(errno.EAGAIN, 'the file was modified while it was read', file.name)
