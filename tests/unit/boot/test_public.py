"""What any context may have: all that runs on targets, and nothing of the controller."""

import pytest

from svcfw.boot import public


@pytest.mark.parametrize(
    'name',
    ['svcfw', 'svcfw.core', 'svcfw.core.wire.frames', 'svcfw.files.disk.beside', 'svcfw.agent.warm.job',
     'svcfw.boot.first_stage', 'svcfw.transport.openssh'],
)  # fmt: skip
def test_what_runs_on_targets(name: str) -> None:
    assert name in public.names()


@pytest.mark.parametrize(
    'name',
    ['svcfw.mux', 'svcfw.mux.client.client', 'svcfw.ansible.connection', 'svcfw.cli.main', 'svcfw.program.router',
     'svcfw.boot.responder', 'svcfw.transport.paramiko', 'svcfw.transport.paramiko.login', 'tests', 'os'],
)  # fmt: skip
def test_what_does_not(name: str) -> None:
    assert name not in public.names()


def test_a_name_that_only_begins_like_a_kept_one_is_no_kept_one() -> None:
    assert public._is_kept('svcfw.transport.paramiko.keys')
    assert not public._is_kept('svcfw.transport.paramiko_like')
