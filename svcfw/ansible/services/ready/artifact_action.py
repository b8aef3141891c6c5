"""The action of the module `artifact`: says what its hosts may have. Workers of ansible-playbook."""

import hashlib
import os
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from svcfw.ansible.options import text
from svcfw.ansible.services.ready.artifacts import NAME
from svcfw.ansible.services.ready.attested import attest
from svcfw.ansible.services.ready.download import shown

_ALGORITHMS = ('sha1', 'sha256', 'sha384', 'sha512')


class ActionModule(ActionBase):
    """One `artifact` task on one host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Have the module ask for the artifact of this task; what else the task says is the module's."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = {text(name): value for name, value in self._task.args.items()}
        source = arguments.get('src')
        if not isinstance(source, str) or not source:
            raise AnsibleActionFail('src is missing: a URL, or a file of the controller')
        if any(name.startswith('_') for name in arguments):
            raise AnsibleActionFail('options that begin with `_` are not to be set')
        checksum = arguments['checksum'] = _checksum(arguments.get('checksum'))
        if '://' in source:
            request, name = _of_url(text(source), checksum)
        else:
            request, name = self._of_file(source, checksum)
        arguments |= {'src': shown(text(source)), '_name': name, '_key': attest(self._connection, NAME, request)}
        result.update(self._execute_module(self._task.action, arguments, task_vars=task_vars))
        return result

    def _of_file(self, source: str, checksum: str | None) -> tuple[dict[str, Any], str]:
        path = os.path.realpath(text(self._find_needle('files', os.path.expanduser(source))))
        status = os.stat(path)
        if not os.path.isfile(path):
            raise AnsibleActionFail(f'{path} is no file')
        version = f'{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}'
        return {'path': path, 'checksum': checksum, 'version': version}, os.path.basename(source)


def _of_url(url: str, checksum: str | None) -> tuple[dict[str, Any], str]:
    parts = urlsplit(url)
    if parts.scheme.lower() not in ('http', 'https') or not parts.hostname:
        raise AnsibleActionFail(f'{shown(url)}: it is neither http nor https')
    name = os.path.basename(unquote(parts.path))
    return {'url': url, 'checksum': checksum}, '' if name in ('.', '..') else name


def _checksum(value: Any) -> str | None:
    if value is None or value == '':
        return None
    algorithm, _, digits = text(str(value)).lower().partition(':')
    if algorithm not in _ALGORITHMS:
        raise AnsibleActionFail(f'checksum is `algorithm:digits`, with one of {", ".join(_ALGORITHMS)}, not {value!r}')
    if len(digits) != 2 * hashlib.new(algorithm).digest_size or not set(digits) <= set('0123456789abcdef'):
        raise AnsibleActionFail(f'checksum: {digits!r} are no digits of {algorithm}')
    return f'{algorithm}:{digits}'
