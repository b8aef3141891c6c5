"""Which transport is chosen, and what people are told of it."""

from pathlib import Path
from typing import Any

import pytest

from svcfw.transport import connect, openssh, paramiko, spec
from svcfw.transport.spec import Spec


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which transports were launched."""
    names: list[str] = []
    monkeypatch.setattr(openssh, 'launch', lambda spec, size: names.append('ssh'))
    monkeypatch.setattr(paramiko, 'launch', lambda spec, size: names.append('paramiko'))
    return names


def test_it_is_ssh_where_that_is_installed_for_the_asker(launched: list[str], tmp_path: Path) -> None:
    (tmp_path / 'ssh').touch(0o755)
    connect.launcher(Spec(host='web1', env={'PATH': str(tmp_path)}))(1)
    connect.launcher(Spec(host='web1', env={'PATH': '/nonexistent'}))(1)
    assert launched == ['ssh', 'paramiko']


@pytest.mark.parametrize('program', ['/nonexistent/ssh', 'nonexistent-ssh'])
def test_a_program_that_was_named_is_meant(launched: list[str], program: str) -> None:
    connect.launcher(Spec(host='web1', ssh_executable=program))(1)
    assert launched == ['ssh']


@pytest.mark.parametrize(
    ('fields', 'transport', 'why'),
    [
        ({'ssh_executable': '/bin/sh'}, spec.SSH, 'openssh (/bin/sh found)'),
        ({'ssh_executable': '/nonexistent/ssh'}, spec.SSH, 'openssh (/nonexistent/ssh is named)'),
        ({'env': {'PATH': '/nonexistent'}}, spec.PARAMIKO, 'paramiko (no program ssh)'),
        ({'transport': spec.SSH}, spec.SSH, 'openssh (as set)'),
        ({'transport': spec.PARAMIKO}, spec.PARAMIKO, 'paramiko (as set)'),
        ({'transport': spec.LOCAL}, spec.LOCAL, 'local (as set)'),
    ],
)
def test_choice(fields: dict[str, Any], transport: str, why: str) -> None:
    assert connect.choice(Spec(host='web1', **fields)) == (transport, why)
