"""Uploads: the places on the controller where a module may write, and the quota of its host in a run. Any thread."""

import os
import stat
import threading
from collections import Counter
from typing import Any

from svcfw.files.disk.metadata import umask
from svcfw.files.disk.paths import decoded, encoded
from svcfw.service.errors import TransferError

#: Charged for a file at least, so that the quota bounds the number of empty files, too.
MIN_FILE_BYTES = 4096
#: Parts of a path.
MAX_PARTS = 200
#: Mode bits that files from hosts may have: none is executable or set-id.
_PERMISSIONS = 0o666
#: Names of files that are being received (svcfw.files.disk.writer).
_OWN_NAMES = b'.svcfw-'


class Quota:
    """The bytes that each host has written in a run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: Counter[str] = Counter()

    def add(self, host: str, n: int, most: int) -> None:
        """Charge `n` bytes to a host. Raises TransferError if that exceeds `most`."""
        with self._lock:
            if self._of[host] + n > most:
                raise TransferError(
                    f'{host} has put {self._of[host]} bytes in this run, and may put {most}: raise '
                    'ansible_svcfw_upload_bytes'
                )
            self._of[host] += n


class Uploads:
    """Of one module. folders: it may write below them; files: it may write these, too; host: its inventory name."""

    def __init__(self, folders: list[str], files: list[str], quota: Quota, host: str, most_bytes: int) -> None:
        self._folders = [os.path.normpath(encoded(each)) for each in folders]
        self._files = [os.path.normpath(encoded(each)) for each in files]
        self._quota = quota
        self._most_bytes = most_bytes
        self.host = host

    def place(self, path: str) -> str:
        """The resolved path (str) to write when a module names `path`. Raises TransferError if it may not."""
        asked = os.path.normpath(encoded(path))
        try:
            found = self._place(asked) if asked.count(b'/') <= MAX_PARTS and b'\0' not in asked else None
        except (OSError, ValueError) as exc:
            raise TransferError(f'this host cannot write it: {exc}') from exc
        if found is None:
            raise TransferError('this host may not write it. Name a folder above it in ansible_svcfw_uploads')
        return decoded(found)

    def _place(self, asked: bytes) -> bytes | None:
        if asked in self._files:
            return _without_link(os.path.join(os.path.realpath(os.path.dirname(asked)), os.path.basename(asked)))
        for folder in self._folders:
            top = os.path.realpath(folder)
            for name in (folder, top):
                if asked != name and is_at(asked, name):
                    if not os.path.lexists(folder):
                        os.mkdir(folder, 0o700)
                    return _below(top, os.path.relpath(asked, name))
        return None

    def charge(self, size: int, kept: int) -> None:
        """Charge a file of `size` bytes, of which an interrupted transfer has left `kept`. Raises TransferError."""
        if size < 0:
            raise TransferError(f'malformed request: a file of {size} bytes')
        self._quota.add(self.host, max(MIN_FILE_BYTES, size - min(kept, size)), self._most_bytes)

    @staticmethod
    def require_there(fd: int, place: str) -> None:
        """Raise TransferError unless the open file is in the folder of `place`: a link may have replaced that."""
        there = os.path.realpath(f'/proc/self/fd/{fd}')
        if os.path.isdir('/proc/self/fd') and os.path.dirname(there) != os.path.dirname(place):
            raise TransferError('the folder was replaced meanwhile')

    @staticmethod
    def mode(place: str, wanted: dict[str, Any]) -> int:
        """The mode for the file: that of the present file unless one is wanted; without execute and set-id bits."""
        given = wanted.get('mode')
        try:
            present = stat.S_IMODE(os.stat(place).st_mode)
        except FileNotFoundError:
            present = None
        if type(given) is not int:
            default = wanted.get('default_mode')
            given = present if present is not None else (default if type(default) is int else _PERMISSIONS) & ~umask()
        return given & _PERMISSIONS


def is_at(path: bytes, place: bytes) -> bool:
    """Whether a path is `place` or below it, compared as text."""
    return path == place or path.startswith(place.rstrip(b'/') + b'/')


def _below(top: bytes, way: bytes) -> bytes:
    """The path `way` below the folder `top`. Raises TransferError if its folder is missing or a link leads there."""
    place = os.path.join(top, way)
    folder = os.path.dirname(place)
    if os.path.realpath(folder) != folder or not os.path.isdir(folder):
        raise TransferError(f'{decoded(folder)} is no folder, or a link leads to it: only real folders are written to')
    return _without_link(place)


def _without_link(place: bytes) -> bytes:
    if os.path.basename(place).startswith(_OWN_NAMES):
        raise TransferError('names that begin with .svcfw- are kept for transfers')
    if os.path.islink(place):
        raise TransferError(f'{decoded(place)} is a link, which is not written to')
    return place
