"""What clients may ask for: the multiplexer's own operations, and few of the agents'."""

import pytest

from svcfw.agent import ops
from svcfw.agent import requests as agents
from svcfw.agent.warm.job import ModuleJob
from svcfw.core.wire.errors import DecodeError
from svcfw.mux import protocol
from svcfw.mux.requests import BY_OPERATION, Command, Module
from tests.support.jobs import module_job


def test_a_command_carries_its_offer() -> None:
    request = agents.decoded(ops.COMMAND, (None, 'id', b'', None, ('run', 'python')), BY_OPERATION)
    assert isinstance(request, Command)
    assert request.offer == ('run', 'python')


def test_a_module_carries_its_zip_and_its_offer() -> None:
    values = (module_job(fqn='ansible.modules.ping').values(), 'zip', ('run', 'python'))
    request = agents.decoded(ops.MODULE, values, BY_OPERATION)
    assert isinstance(request, Module)
    assert isinstance(request.job, ModuleJob)
    assert (request.job.fqn, request.zip_id, request.offer) == ('ansible.modules.ping', 'zip', ('run', 'python'))


@pytest.mark.parametrize(
    'operation',
    [ops.CHILD, ops.CHILD_INPUT, ops.DISMISS, ops.MEMBERS, ops.FORGET, ops.CONTENT, ops.DROP, ops.PASS, ops.GRANT,
     ops.RELAY, ops.ANYWAY, ops.END, ops.TIMED, ops.ENSURE, ops.PUT, ops.PUT_HELD],
)  # fmt: skip
def test_what_the_multiplexer_does_by_itself_is_not_a_clients(operation: str) -> None:
    kind = agents.BY_OPERATION[operation]
    with pytest.raises(DecodeError, match='unknown operation'):
        agents.decoded(operation, tuple(None for _ in kind.types), BY_OPERATION)


def test_what_is_passed_on_is_the_agents_own_type() -> None:
    for operation in (ops.FETCH, ops.EXPAND, ops.FLUSH, ops.PUT_KEPT, ops.MKDTEMP, ops.CHMOD, ops.REMOVE):
        assert BY_OPERATION[operation] is agents.BY_OPERATION[operation]


@pytest.mark.parametrize(
    ('operation', 'values'),
    [
        (protocol.PUT_WHOLE, ('/file', 0o600, b'digest')),
        (protocol.PUT_PART, ('/file', 0o600, 'text', 0, b'', 0)),
        (protocol.LARGE, ('7',)),
        (protocol.FACTS, (1,)),
        (protocol.SUMMARY, (7,)),
        (protocol.HOST_OUT, ((1, 2), None)),
    ],
)
def test_a_malformed_one(operation: str, values: tuple[object, ...]) -> None:
    with pytest.raises(DecodeError):
        agents.decoded(operation, values, BY_OPERATION)
