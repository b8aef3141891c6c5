"""`copy` of one file in one round trip where it changes something; `template` ends in a `copy`.

Stock asks what is at the destination, and then either sends the file and runs the module `copy`, or runs `file`. Here
it is told at once that another file is there; so it sends this one and runs `copy`, with a condition (svcfw.agent.warm.
condition) under which that is what it would have done after asking. Where the condition does not hold nothing was run,
and the answer says what is there: stock begins anew, and finds that without another question.
"""

import os
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from ansible import constants
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins import action
from ansible.utils.hashing import checksum

from svcfw.agent.warm.condition import KEY
from svcfw.agent.warm.job import Condition
from svcfw.ansible.connection import Connection
from svcfw.ansible.options import text
from svcfw.ansible.payloads.commands import ConditionIgnored

#: Larger files are not sent in vain.
MAX_BYTES = 64 * 1024
#: Stock's steps for one file go on as here.
_KNOWN = ('_copy_file', '_execute_module', '_execute_remote_stat', '_transfer_file',
          '_remove_tempfile_if_content_defined', '_is_become_unprivileged', '_is_pipelining_enabled')  # fmt: skip


def _stock_class() -> Any:
    """Stock's action class, loaded from its file: ansible-core would load a plugin of this name instead of the
    module."""
    spec = spec_from_file_location('svcfw.ansible.stock_copy', f'{action.__path__[0]}/copy.py')
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ActionModule


Stock: Any = _stock_class()


class _Otherwise(Exception):
    """What was assumed is not so. found: {(path, follow): what is there}, as far as that is known."""

    def __init__(self, found: dict[tuple[str, bool], dict[str, Any]]) -> None:
        super().__init__()
        self.found = found


class _Assumption:
    """That another file is at a destination; what stock's steps have told so far."""

    def __init__(self) -> None:
        self.asked: tuple[str, bool] | None = None
        self._sent: tuple[int, str] | None = None

    def sends(self, local_path: str) -> None:
        """This is what is sent; it may be gone when the module runs."""
        self._sent = os.path.getsize(local_path), str(checksum(local_path))

    def condition(self) -> Condition:
        """Under which the steps that follow are stock's own. _Otherwise if none is known."""
        if self.asked is None or self._sent is None:
            raise _Otherwise({})
        (path, follow), (size, sha1) = self.asked, self._sent
        return Condition(text(path), follow, size, sha1)

    def denied(self, said: Any) -> _Otherwise:
        """What to raise where the condition does not hold."""
        if self.asked is None or type(said) is not dict or type(said.get('stat')) is not dict:
            return _Otherwise({})
        path, follow = self.asked
        return _Otherwise({(path, follow): said['stat'], (path, False): said['nofollow']})


class OneTrip(Stock):
    """Stock's action, which asks for less."""

    _takes_known_home = True
    _assumption: _Assumption | None = None
    _found: dict[tuple[str, bool], dict[str, Any]] = {}

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """See the stock action."""
        if not isinstance(self._connection, Connection) or not self._connection.uses_context():
            return dict(super().run(tmp, task_vars))
        try:
            return dict(super().run(tmp, task_vars))
        except AnsibleConnectionFailure as exc:
            if getattr(exc.__cause__, 'op', None) != 'mkdtemp':
                raise
            self._connection._shell.tmpdir = None
            self._takes_known_home = False
            return dict(super().run(tmp, task_vars))

    def _make_tmp_path(self, *args: Any, **kwargs: Any) -> Any:
        if not self._takes_known_home or not isinstance(self._connection, Connection):
            return super()._make_tmp_path(*args, **kwargs)
        with self._connection.with_known_home():
            return super()._make_tmp_path(*args, **kwargs)

    def _copy_file(
        self, source_full: str, source_rel: str, content: Any, content_tempfile: Any, dest: str, task_vars: Any,
        follow: bool,
    ) -> Any:  # fmt: skip
        arguments = (source_full, source_rel, content, content_tempfile, dest, task_vars, follow)
        if not self._may_assume(source_full, dest, task_vars):
            return super()._copy_file(*arguments)
        self._assumption = _Assumption()
        try:
            return super()._copy_file(*arguments)
        except _Otherwise as exc:
            self._assumption, self._found = None, exc.found
            return super()._copy_file(*arguments)
        finally:
            self._found = {}
            if self._assumption is not None:
                self._assumption = None
                self._remove_tempfile_if_content_defined(content, content_tempfile)

    def _may_assume(self, source: str, dest: str, task_vars: Any) -> bool:
        """Whether stock's steps for this file are known if another one is there."""
        task, arguments = self._task, self._task.args
        try:
            return (
                isinstance(self._connection, Connection)
                and self._connection.uses_context()
                and all(hasattr(Stock, name) for name in _KNOWN)
                and not (task.check_mode or task.diff or task.async_val)
                and boolean(arguments.get('force', True), strict=False)
                and not boolean(arguments.get('raw', False), strict=False)
                and not self._is_become_unprivileged()
                and self._is_pipelining_enabled('new')  # a module that goes as a file has no condition
                and dest.startswith('/')
                and not set('$\n\0') & set(dest)
                and os.path.getsize(source) <= MAX_BYTES
                and self._knows_interpreter(task_vars or {})
            )
        except (AttributeError, TypeError, KeyError, OSError, AnsibleError):
            return False

    def _knows_interpreter(self, variables: dict[str, Any]) -> bool:
        """Whether core runs a module without looking for a Python first, which is no module and has no condition."""
        if self._task.delegate_to:
            variables = variables['ansible_delegated_vars'][self._task.delegate_to]
        if 'discovered_interpreter_python' in variables.get('ansible_facts', {}):
            return True
        wanted = constants.config.get_config_value('INTERPRETER_PYTHON', variables=variables)
        return not str(self._templar.template(wanted)).startswith('auto')

    def _execute_remote_stat(self, path: str, all_vars: Any, follow: bool, *args: Any, **kwargs: Any) -> Any:
        found = self._found.get((path, bool(follow)))
        if found is not None:
            return found
        if self._assumption is None:
            return super()._execute_remote_stat(path, all_vars, follow, *args, **kwargs)
        if self._assumption.asked is not None:
            raise _Otherwise({})
        self._assumption.asked = (path, bool(follow))
        return {'exists': True, 'isdir': False, 'islnk': False, 'checksum': ''}

    def _transfer_file(self, local_path: str, remote_path: str) -> Any:
        if self._assumption is not None:
            self._assumption.sends(local_path)
        return super()._transfer_file(local_path, remote_path)

    def _remove_tempfile_if_content_defined(self, content: Any, content_tempfile: Any) -> None:
        # It may have to be sent once more.
        if self._assumption is None:
            super()._remove_tempfile_if_content_defined(content, content_tempfile)

    def _execute_module(self, *args: Any, **kwargs: Any) -> Any:
        assumption = self._assumption
        if assumption is None:
            return super()._execute_module(*args, **kwargs)
        if args or kwargs.get('module_name') != 'ansible.legacy.copy':
            raise _Otherwise({})
        try:
            with self._connection.on_condition(assumption.condition()):
                result = super()._execute_module(**kwargs)
        except ConditionIgnored:
            raise _Otherwise({}) from None
        if KEY in result:
            raise assumption.denied(result[KEY])
        return result
