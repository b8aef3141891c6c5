"""The `copy` action: stock's, except for folders over our own connection.

Stock copies a folder file by file, in some seven steps each. Here stock's own code walks the folder and decides what to
do, while each step is only recorded; then our module (svcfw_copy_tree) fetches the contents that are missing from the
FileService of the controller, and performs the rest with the functions that stock's modules would call. Where it can
fetch nothing it reports what is missing, which is then sent, and runs once more.
Anything unusual is left to stock as a whole, and so is a failure: stock continues, with its own messages. Usual means:
only options that change attributes, names that no shell or module would expand, and on the target only files with one
hard link, directories, and symlinks that are right already.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible.utils.hashing import checksum

from svcfw.ansible.connection import Connection
from svcfw.ansible.copies.one_trip import OneTrip, Stock

#: Names of our module: in the collection, and where `svcfw enable` has linked it.
MODULES = ('svcfw.svcfw.svcfw_copy_tree', 'svcfw_copy_tree')
#: Folders with more entries are left to stock, which holds one file at a time.
MAX_ENTRIES = 50_000
#: Bytes and number of files that are on the target before they are put in place.
ROUND_BYTES = 64 * 1024 * 1024
ROUND_FILES = 500

_ATTRIBUTES = ('owner', 'group', 'mode', 'unsafe_writes')
_UNDERSTOOD = {*_ATTRIBUTES, 'src', 'dest', 'directory_mode', 'local_follow', 'decrypt', 'follow'}
#: Options whose default changes nothing.
_DEFAULTS = {'force': True, 'backup': False, 'remote_src': False}

_display = Display()


_Stock = Stock


class _NotPlain(Exception):
    """The folder is left to stock; the text says why."""


class _OtherCore(_NotPlain):
    """This ansible-core's copy differs from the known ones."""


# Private attributes of the action that are used or replaced here.
_KNOWN = (
    '_copy_file', '_execute_module', '_remove_tmp_path', '_find_needle', '_transfer_file', '_fixup_perms2',
    '_is_become_unprivileged',
)  # fmt: skip


class _File(NamedTuple):
    """A file to copy: the local one (decrypted if need be), its path below dest, its attributes."""

    local: str
    path: str
    sha1: str
    mode: str | None
    size: int

    def argument(self, source: str | None = None) -> dict[str, Any]:
        return {'path': self.path, 'sha1': self.sha1, 'size': self.size, 'mode': self.mode, 'source': source}


class _Steps:
    """The recorded steps of stock for a folder."""

    def __init__(self) -> None:
        self.dest = ''
        self.files: list[tuple[str, str]] = []
        self.modules: list[dict[str, Any]] = []


class ActionModule(OneTrip):
    """One `copy` task on one host."""

    _steps: _Steps | None = None
    _has_changed = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """See the stock action."""
        if not self._is_folder_of_ours():
            return self._stock(task_vars)
        try:
            result = self._at_once(task_vars)
        except _NotPlain as exc:
            self._say_why(exc)
            with suppress(AttributeError):
                self._remove_tmp_path(self._connection._shell.tmpdir)
            result = self._stock(task_vars)
            if self._has_changed and not result.get('failed'):
                result['changed'] = True
            return result
        result['changed'] = self._has_changed
        self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _at_once(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Copy the folder; returns stock's result. Raises _NotPlain."""
        lacking = [name for name in _KNOWN if not hasattr(_Stock, name)]
        if lacking:
            raise _OtherCore(f"ansible-core's copy has no {lacking[0]}")
        try:
            self._check_options()
            steps, result = self._recorded(task_vars)
            self._check_steps(steps)
            self._copy_tree(steps, task_vars or {})
        except (AttributeError, TypeError, KeyError) as exc:
            raise _OtherCore(f"ansible-core's copy is another one: {exc!r}") from exc
        return result

    def _say_why(self, reason: _NotPlain) -> None:
        shown = 'it has no_log, so nothing is said' if self._task.no_log else reason
        if isinstance(reason, _OtherCore):
            _display.v(f'svcfw: fast path off, copy of folders: {shown}', host=self._connection.host)
        else:
            _display.vv(f'svcfw: copy: file by file, as stock does it: {shown}', host=self._connection.host)

    def _stock(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(task_vars=task_vars)
        return result

    # -- whether a task qualifies

    def _is_folder_of_ours(self) -> bool:
        arguments = self._task.args
        if not isinstance(self._connection, Connection) or not self._connection.uses_context():
            return False
        source, dest = arguments.get('src'), arguments.get('dest')
        if not isinstance(source, str) or not isinstance(dest, str) or not source or not dest:
            return False
        if boolean(arguments.get('remote_src') or False, strict=False):
            return False
        try:
            return os.path.isdir(self._find_needle('files', source))
        except AnsibleError:
            return False
        except (AttributeError, TypeError):
            return os.path.isdir(source)

    def _check_options(self) -> None:
        for name, value in self._task.args.items():
            if name in _DEFAULTS and boolean(value, strict=False) != _DEFAULTS[name]:
                raise _NotPlain(f'with {name}: {value}')
            if name not in _UNDERSTOOD and name not in _DEFAULTS:
                raise _NotPlain(f'with {name}')
        if self._is_become_unprivileged():
            raise _NotPlain('for another account that is not root')

    # -- stock's steps, recorded

    def _recorded(self, task_vars: dict[str, Any] | None) -> tuple[_Steps, dict[str, Any]]:
        """Stock's steps, and its result without changes."""
        self._steps = steps = _Steps()
        try:
            result = self._stock(task_vars)
        finally:
            self._steps = None
        if result.get('failed'):
            raise _NotPlain(str(result.get('msg')))
        if result.get('changed'):  # it did something itself
            self._has_changed = True
            raise _OtherCore('this ansible-core takes other steps')
        if len(steps.files) == 1:
            raise _NotPlain('a folder with one file has a result of its own')
        steps.dest = result['dest']
        return steps, result

    def _check_steps(self, steps: _Steps) -> None:
        if len(steps.files) + len(steps.modules) > MAX_ENTRIES:
            raise _NotPlain(f'more than {MAX_ENTRIES} entries')
        for path in (steps.dest, *(path for _, path in steps.files), *(each['path'] for each in steps.modules)):
            _check_name(path)

    def _copy_file(
        self, source_full: str, source_rel: str, content: Any, content_tempfile: Any, dest: str, task_vars: Any,
        follow: bool,
    ) -> Any:  # fmt: skip
        if self._steps is None:
            return super()._copy_file(source_full, source_rel, content, content_tempfile, dest, task_vars, follow)
        self._steps.files.append((source_full, source_rel))
        return {'changed': False}

    def _execute_module(self, *args: Any, **kwargs: Any) -> Any:
        if self._steps is None:
            return super()._execute_module(*args, **kwargs)
        if args or kwargs.get('module_name') != 'ansible.legacy.file':
            raise _OtherCore('this ansible-core takes other steps')
        self._steps.modules.append(kwargs['module_args'])
        return {'changed': False}

    def _remove_tmp_path(self, *args: Any, **kwargs: Any) -> None:
        if self._steps is None:
            super()._remove_tmp_path(*args, **kwargs)

    # -- performing them

    def _copy_tree(self, steps: _Steps, task_vars: dict[str, Any]) -> None:
        if not steps.files and not steps.modules:
            return
        decrypted: list[str] = []
        try:
            files = [self._file(source, path, decrypted) for source, path in steps.files]
            rest = _entries(steps)
            offered = _base(files, [source for source, _ in steps.files])
            base = {'base': offered.base} if offered else {}
            with self._connection.offering_files(*[offered.folder] if offered else []):
                lacking = self._tree_module([file.argument() for file in files], {**rest, **base}, task_vars)
            if lacking:
                self._send(files, lacking, rest, task_vars)
        except OSError as exc:
            raise _NotPlain(str(exc)) from exc
        finally:
            for path in decrypted:
                self._loader.cleanup_tmp_file(path)

    def _file(self, source: str, path: str, decrypted: list[str]) -> _File:
        try:
            local = self._loader.get_real_file(source, decrypt=boolean(self._task.args.get('decrypt', True), False))
        except AnsibleError as exc:
            raise _NotPlain(str(exc)) from exc
        decrypted.append(local)
        status = os.stat(local)
        sha1 = checksum(local)
        if not sha1:
            raise _NotPlain(f'{local} has no SHA-1')
        mode = f'0{stat.S_IMODE(status.st_mode):03o}' if self._task.args.get('mode') == 'preserve' else None
        return _File(local, path, sha1, mode, status.st_size)

    def _send(
        self, files: Sequence[_File], lacking: Sequence[int], rest: dict[str, Any], task_vars: dict[str, Any]
    ) -> None:
        """Send the missing files, in groups that bound the space they need, and have them put in place."""
        rounds = list(_rounds([files[number] for number in lacking]))
        there = [file.argument() for number, file in enumerate(files) if number not in set(lacking)]
        for number, each in enumerate(rounds):
            sources = [
                self._connection._shell.join_path(self._connection._shell.tmpdir, f'.source{i}')
                for i in range(len(each))
            ]
            try:
                for file, source in zip(each, sources, strict=True):
                    self._transfer_file(file.local, source)
                self._fixup_perms2((self._connection._shell.tmpdir, *sources))
                arguments = [file.argument(source) for file, source in zip(each, sources, strict=True)]
                is_last = number == len(rounds) - 1
                missing = self._tree_module(
                    arguments + there * is_last, rest if is_last else {**rest, **_NOTHING}, task_vars
                )
            except AnsibleConnectionFailure:
                raise
            except AnsibleError as exc:
                raise _NotPlain(str(exc)) from exc
            if missing:
                raise _NotPlain('the target has changed meanwhile')

    def _tree_module(self, files: list[dict[str, Any]], rest: dict[str, Any], task_vars: dict[str, Any]) -> list[int]:
        """Run our module; returns the files it lacks. Raises _NotPlain."""
        arguments = {
            name: self._task.args[name] for name in (*_ATTRIBUTES, 'directory_mode') if name in self._task.args
        }
        if arguments.get('mode') == 'preserve':
            del arguments['mode']
        arguments.update(rest, files=files)
        answer = self._execute_module(module_name=self._module_name(), module_args=arguments, task_vars=task_vars)
        self._has_changed = self._has_changed or bool(answer.get('changed'))
        if answer.get('failed') or answer.get('odd') or 'lacking' not in answer:
            raise _NotPlain(str(answer.get('odd') or answer.get('msg')))
        return list(answer['lacking'])

    def _module_name(self) -> str:
        for name in MODULES:
            if self._shared_loader_obj.module_loader.has_plugin(name):
                return name
        raise _NotPlain(f'there is no module {MODULES[0]}')


class _Offered(NamedTuple):
    """What the target may fetch: the files are in `base`, by their paths, and all in `folder`."""

    base: str
    folder: str


def _base(files: Sequence[_File], sources: Sequence[str]) -> _Offered | None:
    """Where the target may fetch the files itself; None if that would show it more than what is copied.

    A file that was encrypted is not where its source is, which is nobody's business; nor is what links lead to.
    """
    if not files or any(file.local != source for file, source in zip(files, sources, strict=True)):
        return None
    if not sources[0].endswith(os.path.join('/', files[0].path)):
        return None
    base = os.path.abspath(sources[0][: -len(files[0].path)])
    folder = os.path.commonpath([os.path.dirname(source) for source in sources])
    top = os.path.realpath(folder)
    places = {place: os.path.realpath(place) for place in {os.path.dirname(source) for source in sources}}
    for file, source in zip(files, sources, strict=True):
        place = os.path.dirname(source)
        is_inside = places[place] == os.path.normpath(os.path.join(top, os.path.relpath(place, folder)))
        if not is_inside or os.path.islink(source) or os.path.abspath(source) != os.path.join(base, file.path):
            return None
    return _Offered(base, os.path.abspath(folder))


_NOTHING: dict[str, Any] = {'directories': [], 'links': []}


def _entries(steps: _Steps) -> dict[str, Any]:
    """The module's arguments for everything but files."""
    directories, links = [], []
    follow = True
    for step in steps.modules:
        if step.get('state') == 'directory':
            directories.append(step['path'])
        elif step.get('state') == 'link' and step.get('force') is True:
            links.append({'path': step['path'], 'target': step['src']})
            follow = boolean(step.get('follow', True), strict=False)
            _check_name(step['src'])
        else:
            raise _OtherCore('this ansible-core takes other steps')
    return {'dest': steps.dest, 'directories': directories, 'links': links, 'follow': follow}


def _rounds(files: Sequence[_File]) -> Iterator[list[_File]]:
    """The files in groups of bounded size."""
    group: list[_File] = []
    size = 0
    for file in files:
        if group and (size + file.size > ROUND_BYTES or len(group) >= ROUND_FILES):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size
    yield group


def _check_name(path: str) -> None:
    """Raise _NotPlain for a name in which a module would replace something, or that cannot be decoded."""
    if '$' in path or path.startswith('~') or '\n' in path or '\0' in path:
        raise _NotPlain(f'the name {path!r}')
    try:
        path.encode()
    except UnicodeEncodeError:
        raise _NotPlain(f'the name {path!r}') from None
