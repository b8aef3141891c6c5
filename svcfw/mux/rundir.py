"""The folder with the multiplexer's socket, lock and log, private to this user."""

import functools
import hashlib
import os
import socket
import stat
import tempfile
from pathlib import Path

import svcfw
from svcfw.core.wire.errors import Error
from svcfw.mux import protocol

#: sun_path of unix(7), without its final zero; 4 less elsewhere.
_MAX_SOCKET_PATH_BYTES = 103


#: Of the socket: all workers connect at once.
BACKLOG = 512
#: Which code this is. Found before workers are forked, each of which asks twice.
_HERE = Path(__file__).resolve().parent
#: What to do about it.
ELSEWHERE = 'Set XDG_RUNTIME_DIR to a folder of yours with room in it'


class RundirError(Error):
    """The folder cannot be created, or is not safe to use."""


def default() -> Path:
    """The folder's usual place: below XDG_RUNTIME_DIR, else in the folder for temporary files.

    There anybody may take the name first; then it is below the home directory.
    """
    base = os.environ.get('XDG_RUNTIME_DIR')
    if base and os.path.isdir(base):
        return Path(base, 'svcfw')
    usual = Path(tempfile.gettempdir(), f'svcfw-{os.getuid()}')
    return Path.home() / '.svcfw-run' if taken_by(usual) is not None else usual


def taken_by(path: Path) -> int | None:
    """The number of the other account that has something of the folder's name."""
    try:
        uid = os.lstat(path).st_uid
    except OSError:
        return None
    return uid if uid != os.getuid() else None


def displaced(folder: Path) -> str:
    """Why `folder` is not the usual place, for the log; '' if it is."""
    usual = Path(tempfile.gettempdir(), f'svcfw-{os.getuid()}')
    uid = taken_by(usual) if folder.name == '.svcfw-run' else None
    return '' if uid is None else f'{usual} belongs to account {uid}: {folder} is used instead. {ELSEWHERE}'


def prepare(path: Path) -> None:
    """Create the folder, or check that it belongs to this user and is private. Raises RundirError."""
    if len(os.fsencode(socket_path(path))) > _MAX_SOCKET_PATH_BYTES:
        raise RundirError(f'{path} is too long for the path of a socket. Set XDG_RUNTIME_DIR to a shorter path')
    try:
        make_private(path)
    except RundirError as exc:
        raise RundirError(f'{exc}. {ELSEWHERE}') from exc


def make_private(path: Path) -> None:
    """Create or check any private folder. Raises RundirError."""
    try:
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            pass
        status = os.lstat(path)
    except OSError as exc:
        raise RundirError(f'{path} cannot be used ({exc.strerror})') from exc
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise RundirError(f'{path} is not a private folder of this user: expected mode 0700 and this user as owner')


def socket_path(path: Path) -> Path:
    """The socket of a multiplexer with this version's protocol and code."""
    return path / _socket_name(protocol.VERSION)


@functools.cache
def _socket_name(version: int) -> str:
    identity = hashlib.sha256(f'{svcfw.__version__} {version} {_HERE}'.encode()).hexdigest()[:12]
    return f'mux-{identity}.sock'


def identity(path: Path) -> tuple[int, int] | None:
    """Of a file, whatever its name: whether a socket is still the same one."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def listen(path: Path) -> socket.socket:
    """Bind the socket. The caller holds the lock, so a file of that name is a dead multiplexer's or a stuck one's."""
    address = socket_path(path)
    address.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(address))
    listener.listen(BACKLOG)
    return listener


def lock_path(path: Path) -> Path:
    """The lock file for the start of that multiplexer."""
    return socket_path(path).with_suffix('.lock')


def log_path(path: Path) -> Path:
    """The log of multiplexers, for errors that no client receives."""
    return path / 'mux.log'
