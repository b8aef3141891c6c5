"""Operations whose outcome is known before they are done: answered at once, done on the way, in order.

Only what happens within a temporary directory made here goes ahead without waiting: something blocking always follows
there (the module that needs the file), and it brings the error. A file put anywhere else is waited for.
"""

import posixpath

from svcfw.ansible.operations import ChangeMode, ExpandUser, MakeTemp, Operation, Remove
from svcfw.ansible.session import Session
from svcfw.mux.client import Target
from svcfw.mux.filing import OnProgress

Answer = tuple[int, bytes, bytes]

_DONE: Answer = (0, b'', b'')


class Shortcuts:
    """The temporary directories of one connection and what is done in them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._commands: dict[str, str] = {}  # of the shell, by the directory that each would have made

    def perform(self, operation: Operation, target: Target) -> Answer | None:
        """The answer the shell command would have given; None if it has to run after all.

        Errors as of Session.call.
        """
        if isinstance(operation, ExpandUser):
            return self._expand_user(operation, target)
        if isinstance(operation, MakeTemp):
            return self._make_temp(operation, target)
        if isinstance(operation, ChangeMode):
            return self._change_mode(operation, target)
        return self._remove(operation, target)

    def put_file(self, target: Target, local_path: str, remote_path: str, on_progress: OnProgress) -> None:
        """Send a file; returns when it is there, unless it is for one of our own directories."""
        self._session.ensure_up(target)
        self._session.send(lambda client: client.put_file(target, local_path, remote_path, on_progress))
        if not self._is_ours(remote_path):
            self._session.call(target, lambda client: client.flush(target))

    def command_for(self, path: str) -> str:
        """The shell's text of the operation that was to make `path`; '' if it was none of ours."""
        return self._commands.get(path, '')

    def _expand_user(self, operation: ExpandUser, target: Target) -> Answer:
        home = self._home(operation.name, target)
        return 0, _line(home), b''

    def _make_temp(self, operation: MakeTemp, target: Target) -> Answer:
        self._session.ensure_up(target)
        tilde, slash, rest = operation.directory.partition('/')
        directory = self._home(tilde, target) + slash + rest if tilde else operation.directory
        path = posixpath.join(directory, operation.basefile)
        self._commands[path] = operation.command
        self._session.send(lambda client: client.mkdtemp(target, path, operation.umask))
        return 0, _line(f'{operation.basefile}={path}'), b''

    def _change_mode(self, operation: ChangeMode, target: Target) -> Answer | None:
        if not all(map(self._is_ours, operation.paths)):
            return None
        self._session.send(lambda client: client.chmod(target, list(operation.paths), operation.mode))
        return _DONE

    def _remove(self, operation: Remove, target: Target) -> Answer | None:
        path = operation.path.rstrip('/')
        if not self._is_ours(path):
            return None
        self._session.send(lambda client: client.remove(target, path, operation.recursive))
        self._commands.pop(path, None)
        return _DONE

    def _home(self, name: str, target: Target) -> str:
        return self._session.call(target, lambda client: client.expand_user(target, name))

    def _is_ours(self, path: str) -> bool:
        """Whether `path` is one of our directories or in one, written without detours."""
        if posixpath.normpath(path) != path.rstrip('/'):
            return False
        return any(path.rstrip('/') == own or path.startswith(own + '/') for own in self._commands)


def _line(text: str) -> bytes:
    return text.encode('utf-8', 'surrogateescape') + b'\n'
