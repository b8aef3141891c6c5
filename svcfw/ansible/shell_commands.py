"""The shell plugin's commands, recorded as the operations they stand for.

Up to five of the seven round trips of a `copy` are one-line shell commands whose meaning is known when the shell plugin
is asked for their text: the plugin's instance is made to record it (its class and other instances are unchanged).
A command that cannot be done exactly as the shell does it (a path with `$`, an unknown mode) is not recorded and runs
as its text.
"""

import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from svcfw.ansible.options import text
from svcfw.ansible.recorded import Recorded

# Named tuples: four dataclasses would take longer to define than all the rest of the plugin (2 ms in every worker if
# the plugin comes from a collection).


class ExpandUser(NamedTuple):
    """`echo ~` or `echo ~name`."""

    name: str


class MakeTemp(NamedTuple):
    """Make `directory`/`basefile` (and parents), fail if it exists. `directory` may begin with ~ or ~name.

    `is_for_other`: for the account that is become, which is not root and shall be given access to it; and all that core
    will ask for there later can be recognised, so that none of it runs as the login.
    """

    directory: str
    basefile: str
    umask: int | None
    command: str
    is_for_other: bool = False


class ChangeMode(NamedTuple):
    """`mode` in chmod's symbolic form."""

    paths: tuple[str, ...]
    mode: str


class GiveAccess(NamedTuple):
    """Let `user` read the paths, and execute them if `mode` has an x."""

    paths: tuple[str, ...]
    user: str
    mode: str


class Remove(NamedTuple):
    """`rm -f`, with -r if `recursive`."""

    path: str
    recursive: bool


Operation = ExpandUser | MakeTemp | ChangeMode | GiveAccess | Remove

_HOME = re.compile(r'~(?:[_.A-Za-z0-9][-_.A-Za-z0-9]*)?')
_PLAIN_PATH = re.compile(r'(?:~[-_.A-Za-z0-9]*)?/[-_./A-Za-z0-9@%+,:]*')
_PLAIN_NAME = re.compile(r'[A-Za-z0-9][-_.A-Za-z0-9]*')
# Modes that core uses for its own temporary files (2.17 and later). Others (ACLs, modes with X or +a) run as chmod.
_KNOWN_MODES = frozenset({'u+rwx'})


def record(shell: Any, on_off: Callable[[str], None]) -> Recorded[Operation]:
    """Make `shell`, one instance of a shell plugin, record its commands; the texts it returns stay the same.

    A method of an unknown form is not recorded, and `on_off(reason)` is called; nothing else changes.
    """
    recorded: Recorded[Operation] = Recorded(getattr(shell, 'append_command', None))
    originals = {name: getattr(shell, name, None) for name in _RECOGNISERS}
    for name, original in originals.items():
        if original is None:
            on_off(f'the shell plugin has no {name}')
        else:
            setattr(shell, name, _recording(shell, name, originals, recorded, on_off))
    return recorded


def _are_known(originals: dict[str, Any]) -> bool:
    """Whether all that is done in a directory once it is made has the parameters and the kind of result we know."""
    for name, sample in _IN_A_DIRECTORY.items():
        try:
            has_others = inspect.signature(originals[name]).parameters.keys() != sample.keys()
            if has_others or not isinstance(originals[name](**sample), str):
                return False
        except (TypeError, ValueError, AttributeError, KeyError):
            return False
    return True


def _recording(
    shell: Any,
    name: str,
    originals: dict[str, Any],
    recorded: Recorded[Operation],
    on_off: Callable[[str], None],
) -> Callable[..., Any]:
    original, recognise = originals[name], _RECOGNISERS[name]

    def method(*args: Any, **kwargs: Any) -> Any:
        command: Any = original(*args, **kwargs)
        if not isinstance(command, str):
            on_off(f"the shell plugin's {name} returns a {type(command).__name__}")
            return command
        try:
            operation = recognise(shell, original, command, *args, **kwargs)
        except (TypeError, AttributeError, KeyError) as exc:  # unexpected parameters or options
            on_off(f"the shell plugin's {name} is another one: {exc!r}")
            operation = None
        if isinstance(operation, MakeTemp) and operation.is_for_other and not _are_known(originals):
            operation = operation._replace(is_for_other=False)
        if operation is None:
            recorded.forget(command)
        else:
            recorded.put(command, operation)
        return command

    return method


def _expand_user(
    shell: Any, original: Callable[..., str], command: str, user_home_path: str, username: str = ''
) -> ExpandUser | None:
    name = text(user_home_path)
    if name == '~' and username:
        name += text(username)
    return ExpandUser(name) if _HOME.fullmatch(name) else None


def _make_temp(
    shell: Any,
    original: Callable[..., str],
    command: str,
    basefile: str | None = None,
    system: bool = False,
    mode: int = 0o700,
    tmpdir: str | None = None,
) -> MakeTemp | None:
    if basefile is None or not _PLAIN_NAME.fullmatch(basefile):
        return None
    umask = 0o777 & ~int(mode) if mode else None
    for directory in _candidates(shell, system=system, tmpdir=tmpdir):
        # The plugin chooses the directory: the right one is that which gives the same text.
        if command == original(basefile=basefile, system=False, mode=mode, tmpdir=directory):
            return MakeTemp(directory, text(basefile), umask, command, system) if is_plain(directory) else None
    return None


def is_plain(path: str) -> bool:
    """Whether `echo` in a shell prints `path` unchanged except for a tilde at its beginning."""
    return _PLAIN_PATH.fullmatch(path) is not None


def _candidates(shell: Any, *, system: bool, tmpdir: str | None) -> list[str]:
    if not system:
        return [text(tmpdir if tmpdir is not None else shell.get_option('remote_tmp'))]
    given = [] if tmpdir is None else [text(tmpdir).rstrip('/')]
    return given + [text(directory) for directory in shell.get_option('system_tmpdirs')]


def _change_mode(
    shell: Any, original: Callable[..., str], command: str, paths: list[str], mode: str
) -> ChangeMode | None:
    return ChangeMode(tuple(map(text, paths)), text(mode)) if mode in _KNOWN_MODES else None


def _give_access(
    shell: Any, original: Callable[..., str], command: str, paths: list[str], user: str, mode: str
) -> GiveAccess:
    return GiveAccess(tuple(map(text, paths)), text(user), text(mode))


def _remove(shell: Any, original: Callable[..., str], command: str, path: str, recurse: bool = False) -> Remove:
    return Remove(text(path), bool(recurse))


_RECOGNISERS: dict[str, Callable[..., Operation | None]] = {
    'expand_user': _expand_user,
    'mkdtemp': _make_temp,
    'chmod': _change_mode,
    'set_user_facl': _give_access,
    'remove': _remove,
}

# Each with all of its parameters.
_IN_A_DIRECTORY: dict[str, dict[str, Any]] = {
    'chmod': {'paths': ['/x'], 'mode': 'u+rwx'},
    'set_user_facl': {'paths': ['/x'], 'user': 'x', 'mode': 'r-x'},
    'remove': {'path': '/x', 'recurse': True},
}
