"""What a task of `artifact` asks for: said by the controller, and refused where it is nothing."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from svcfw.ansible.services.ready import artifact_action as module
from svcfw.ansible.services.ready.artifact_action import ActionModule

SHA256 = hashlib.sha256(b'content').hexdigest()


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Any:
    """ask(**arguments): (what the service is asked for, the arguments of the module)."""
    asked: list[Any] = []
    given: list[Any] = []

    def attest(connection: Any, service: str, request: Any) -> str:
        asked.append(json.loads(json.dumps(request)))
        return 'key'

    def execute(self: Any, name: str, arguments: Any, task_vars: Any) -> dict[str, Any]:
        given.append(arguments)
        return {'changed': True}

    monkeypatch.setattr(module, 'attest', attest)
    monkeypatch.setattr(ActionBase, 'run', lambda self, tmp, task_vars: {})
    monkeypatch.setattr(ActionModule, '_execute_module', execute)
    monkeypatch.setattr(ActionModule, '_find_needle', lambda self, folder, name: name)

    def run(**arguments: Any) -> tuple[Any, Any]:
        action = ActionModule.__new__(ActionModule)
        action._task = SimpleNamespace(args=arguments, action='artifact')
        action._connection = None
        assert action.run(None, {}) == {'changed': True}
        return asked[-1], given[-1]

    return run


def test_a_url(ask: Any) -> None:
    request, arguments = ask(src='https://me:pw@web/dir/a%20b.tar', dest='/x', checksum=f'SHA256:{SHA256.upper()}')
    assert request == {'url': 'https://me:pw@web/dir/a%20b.tar', 'checksum': f'sha256:{SHA256}'}
    assert (arguments['_name'], arguments['_key'], arguments['dest']) == ('a b.tar', 'key', '/x')
    assert 'pw' not in arguments['src'], 'the host has no use for the password'


def test_a_file_of_the_controller_is_another_when_it_has_changed(ask: Any, tmp_path: Path) -> None:
    path = tmp_path / 'file'
    path.write_bytes(b'content')
    before, arguments = ask(src=str(path))
    assert (before['path'], before['checksum'], arguments['_name']) == (str(path), None, 'file')
    path.write_bytes(b'other content')
    assert ask(src=str(path))[0]['version'] != before['version']


@pytest.mark.parametrize(('url', 'name'), [('http://web', ''), ('http://web/dir/', ''), ('http://web/..', '')])
def test_a_url_without_a_name_gives_none(ask: Any, url: str, name: str) -> None:
    assert ask(src=url)[1]['_name'] == name


@pytest.mark.parametrize(
    ('arguments', 'cause'),
    [
        ({}, 'src is missing'),
        ({'src': ''}, 'src is missing'),
        ({'src': ['/x']}, 'src is missing'),
        ({'src': 'ftp://web/x'}, 'neither http nor https'),
        ({'src': 'http:///x'}, 'neither http nor https'),
        ({'src': 'http://web/x', '_key': 'forged'}, 'are not to be set'),
        ({'src': 'http://web/x', 'checksum': 'md5:00'}, 'with one of sha1'),
        ({'src': 'http://web/x', 'checksum': 'sha256:00'}, 'are no digits of sha256'),
        ({'src': 'http://web/x', 'checksum': 'sha1:' + 'g' * 40}, 'are no digits of sha1'),
        ({'src': '/'}, 'is no file'),
    ],
)
def test_what_asks_for_nothing_says_why(ask: Any, arguments: Any, cause: str) -> None:
    with pytest.raises(AnsibleActionFail, match=cause):
        ask(**arguments)
