"""Deferred operations: answered at once, performed in order while later requests are sent.

Only operations in a temporary directory made here are deferred: a blocking one always follows (the module that needs
the file) and reports their error. A file put anywhere else is waited for.

For another account that is not root, that account makes the directory and does everything in it. Stock makes it as the
login account, then grants access by ACLs, chown or worse, which many hosts do not support.
"""

import posixpath
import time
from collections.abc import Callable
from typing import NamedTuple

from svcfw.ansible.session import MuxCalls
from svcfw.ansible.shell_commands import ChangeMode, ExpandUser, GiveAccess, MakeTemp, Operation, Remove
from svcfw.mux.client.client import Target
from svcfw.mux.client.filing import OnProgress

Answer = tuple[int, bytes, bytes]

_DONE: Answer = (0, b'', b'')
# Directories in which every account can make one. Elsewhere the other account may lack permission.
_FOR_ALL = frozenset({'/tmp', '/var/tmp'})
#: How long the answer where a home is holds. Core asks for each item of a loop, and for the same folder again.
HOME_HOLDS_S = 1.0


class Other(NamedTuple):
    """The become account of a task: its configured name, and its context."""

    user: str
    target: Target


class _Directory(NamedTuple):
    """A directory made here: the shell command that would have made it, and its owner if not the login account."""

    command: str
    owner: Other | None


class DeferredOperations:
    """The temporary directories of one connection, and the operations in them."""

    def __init__(self, session: MuxCalls) -> None:
        self._session = session
        self._directories: dict[str, _Directory] = {}
        #: Whether `~` may be what it was when the context started.
        self.takes_known_home = False
        #: Homes by context and `~name`, with the time when they were asked for.
        self._homes: dict[tuple[Target, str], tuple[str, float]] = {}

    def forget_homes(self) -> None:
        """Something has run that can change accounts."""
        self._homes.clear()

    def perform(self, operation: Operation, target: Target, other: Callable[[], Other | None]) -> Answer | None:
        """The answer that the shell command would give; None if it has to be run.

        `other()`: the become account of the present task. Errors as of MuxCalls.call.
        """
        if isinstance(operation, ExpandUser):
            return self._expand_user(operation, target)
        if isinstance(operation, MakeTemp):
            return self._make_temp(operation, target, other)
        if isinstance(operation, ChangeMode):
            return self._change_mode(operation, target)
        if isinstance(operation, GiveAccess):
            return self._give_access(operation)
        return self._remove(operation, target)

    def put_file(
        self, target: Target, local_path: str, remote_path: str, on_progress: OnProgress, *, holds: bool = True
    ) -> None:
        """Send a file; waits until it is there, unless it is for a directory made here. holds: see Client.put_file."""
        directory = self._find(remote_path)
        if directory is not None:
            target = _place(directory, target)
        self._session.ensure_up(target)
        self._session.send(lambda client: client.put_file(target, local_path, remote_path, on_progress, holds))
        if directory is None:
            self._session.call(target, lambda client: client.flush(target))

    def command_for(self, path: str) -> str:
        """The shell command that would have made `path`; '' if it was not made here."""
        return self._directories[path].command if path in self._directories else ''

    def _expand_user(self, operation: ExpandUser, target: Target) -> Answer:
        home = self._home(operation.name, target)
        return 0, _line(home), b''

    def _make_temp(self, operation: MakeTemp, target: Target, other: Callable[[], Other | None]) -> Answer:
        owner = other() if operation.is_for_other and operation.directory in _FOR_ALL else None
        if owner is None:
            self._session.ensure_up(target)
        else:
            # Starting the context takes a call: deferred operations would be lost if it failed.
            place = target = owner.target
            self._session.call(place, lambda client: client.flush(place))
        tilde, slash, rest = operation.directory.partition('/')
        directory = self._home(tilde, target) + slash + rest if tilde else operation.directory
        path = posixpath.join(directory, operation.basefile)
        self._directories[path] = _Directory(operation.command, owner)
        self._session.send(lambda client: client.mkdtemp(target, path, operation.umask))
        return 0, _line(f'{operation.basefile}={path}'), b''

    def _change_mode(self, operation: ChangeMode, target: Target) -> Answer | None:
        found = [self._find(path) for path in operation.paths]
        places = {_place(directory, target) for directory in found if directory is not None}
        if None in found or len(places) != 1:
            return None
        return self._chmod(places.pop(), operation.paths, operation.mode)

    def _give_access(self, operation: GiveAccess) -> Answer | None:
        """Nothing to do for an account that owns the paths, except making them executable."""
        owners = {directory and directory.owner for directory in map(self._find, operation.paths)}
        owner = owners.pop() if len(owners) == 1 else None
        if owner is None or owner.user != operation.user:
            return None
        return self._chmod(owner.target, operation.paths, 'u+rwx') if 'x' in operation.mode else _DONE

    def _chmod(self, place: Target, paths: tuple[str, ...], mode: str) -> Answer:
        self._session.send(lambda client: client.chmod(place, list(paths), mode))
        return _DONE

    def _remove(self, operation: Remove, target: Target) -> Answer | None:
        path = operation.path.rstrip('/')
        directory = self._find(path)
        if directory is None:
            return None
        place = _place(directory, target)
        self._session.send(lambda client: client.remove(place, path, operation.recursive))
        self._directories.pop(path, None)
        return _DONE

    def _home(self, name: str, target: Target) -> str:
        if self.takes_known_home:
            # What has changed since, the next module is refused for. No round trip.
            facts = self._session.call(target, lambda client: client.facts(target))
            if name in ('~', f'~{facts["user"]}'):
                return str(facts['home'])
        home, asked_at = self._homes.get((target, name), ('', 0.0))
        if not home or time.monotonic() - asked_at >= HOME_HOLDS_S:
            asked_at = time.monotonic()
            home = self._session.call(target, lambda client: client.expand_user(target, name))
            self._homes[target, name] = home, asked_at
        return home

    def _find(self, path: str) -> _Directory | None:
        """The directory made here that `path` is or is in, as a normalised path."""
        path = path.rstrip('/')
        if posixpath.normpath(path) != path:
            return None
        return next((self._directories[own] for own in self._directories if f'{path}/'.startswith(f'{own}/')), None)


def _place(directory: _Directory, login: Target) -> Target:
    return login if directory.owner is None else directory.owner.target


def _line(text: str) -> bytes:
    return text.encode('utf-8', 'surrogateescape') + b'\n'
