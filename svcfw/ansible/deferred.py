"""Operations whose outcome is known before they are done: answered at once, done on the way, in order.

Only what happens within a temporary directory made here goes ahead without waiting: something blocking always follows
there (the module that needs the file), and it brings the error. A file put anywhere else is waited for.

A directory for another account that is not root is made by that account, and so is all that is done in it. Stock makes
it as the login, and then has ACLs, chown or worse give the other one access, which many hosts have no means for.
"""

import posixpath
from collections.abc import Callable
from typing import NamedTuple

from svcfw.ansible.session import Session
from svcfw.ansible.shell_commands import ChangeMode, ExpandUser, GiveAccess, MakeTemp, Operation, Remove
from svcfw.mux.client.client import Target
from svcfw.mux.client.filing import OnProgress

Answer = tuple[int, bytes, bytes]

_DONE: Answer = (0, b'', b'')
# Where every account can make one. Elsewhere the other one may not be allowed to.
_FOR_ALL = frozenset({'/tmp', '/var/tmp'})


class Other(NamedTuple):
    """The account that a task becomes: its name as it is set, and its context."""

    user: str
    target: Target


class _Directory(NamedTuple):
    """One of ours: the shell's command that would have made it, and whose it is if not the login's."""

    command: str
    owner: Other | None


class Shortcuts:
    """The temporary directories of one connection and what is done in them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._directories: dict[str, _Directory] = {}

    def perform(self, operation: Operation, target: Target, other: Callable[[], Other | None]) -> Answer | None:
        """The answer the shell command would have given; None if it has to run after all.

        `other()`: the account that the present task becomes. Errors as of Session.call.
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

    def put_file(self, target: Target, local_path: str, remote_path: str, on_progress: OnProgress) -> None:
        """Send a file; returns when it is there, unless it is for one of our own directories."""
        directory = self._find(remote_path)
        if directory is not None:
            target = _place(directory, target)
        self._session.ensure_up(target)
        self._session.send(lambda client: client.put_file(target, local_path, remote_path, on_progress))
        if directory is None:
            self._session.call(target, lambda client: client.flush(target))

    def command_for(self, path: str) -> str:
        """The shell's text of the operation that was to make `path`; '' if it was none of ours."""
        return self._directories[path].command if path in self._directories else ''

    def _expand_user(self, operation: ExpandUser, target: Target) -> Answer:
        home = self._home(operation.name, target)
        return 0, _line(home), b''

    def _make_temp(self, operation: MakeTemp, target: Target, other: Callable[[], Other | None]) -> Answer:
        owner = other() if operation.is_for_other and operation.directory in _FOR_ALL else None
        if owner is None:
            self._session.ensure_up(target)
        else:
            # It takes a call to start the context: what is sent ahead would be lost.
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
        """Nothing is to be done for an account that owns the paths, except that they be what it can run."""
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
        return self._session.call(target, lambda client: client.expand_user(target, name))

    def _find(self, path: str) -> _Directory | None:
        """The one of our directories that `path` is or is in, written without detours."""
        path = path.rstrip('/')
        if posixpath.normpath(path) != path:
            return None
        return next((self._directories[own] for own in self._directories if f'{path}/'.startswith(f'{own}/')), None)


def _place(directory: _Directory, login: Target) -> Target:
    return login if directory.owner is None else directory.owner.target


def _line(text: str) -> bytes:
    return text.encode('utf-8', 'surrogateescape') + b'\n'
