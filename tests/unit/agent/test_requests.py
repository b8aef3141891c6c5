"""Requests as declared types: what was made arrives, and nothing else does."""

from typing import Any

import pytest

from svcfw.agent import ops, requests
from svcfw.agent.warm.job import Condition
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import DecodeError
from svcfw.mux import requests as clients
from tests.support.jobs import module_job, source_job

#: A value of each type that a field may have.
VALUES = {str: 'text', bytes: b'data', int: 3, bool: True, list: ['item'], dict: {'a': 1}, tuple: (1, 2), float: 0.5}
JOBS = [module_job(condition=Condition('/x', True, 1, 'digits')), source_job('pass')]
EVERY = [*requests.BY_OPERATION.values(), *clients.BY_OPERATION.values()]


def made(kind: Any, job: Any = JOBS[0]) -> Any:
    values = [VALUES[each[0] if type(each) is tuple else each] for each in kind.types]
    return kind(job, *values[1:]) if issubclass(kind, requests.WithJob) else kind(*values)


@pytest.mark.parametrize('kind', EVERY)
def test_each_has_a_type_for_each_field(kind: Any) -> None:
    assert len(kind.types) == len(kind.__slots__)
    assert kind.operation
    assert not hasattr(made(kind), '__dict__')


@pytest.mark.parametrize('types', [requests.BY_OPERATION, clients.BY_OPERATION])
def test_what_is_sent_arrives(types: Any) -> None:
    codec = Codec()
    for kind in types.values():
        request = made(kind)
        operation, session, values = codec.decode(codec.encode(request.sent_by(7)))
        arrived = requests.decoded(operation, values, types)
        assert (type(arrived), session, arrived.values()) == (kind, 7, request.values())


@pytest.mark.parametrize('job', JOBS)
def test_a_job_arrives_as_one(job: Any) -> None:
    for types in (requests.BY_OPERATION, clients.BY_OPERATION):
        request = made(types[ops.MODULE], job)
        arrived = requests.decoded(ops.MODULE, request.values(), types)
        assert (type(arrived.job), arrived.values()) == (type(job), request.values())


@pytest.mark.parametrize(
    ('operation', 'values'),
    [
        (ops.COMMAND, (None, 'id', b'', None)),
        (ops.COMMAND, (None, b'id', b'', None, False)),
        (ops.PUT, ['/file', 0o600, b'', 0, b'']),
        (ops.PUT, ('/file', 0o600, b'', 0, b'', 0)),
        (ops.FLUSH, (None,)),
        (ops.CHILD, ('name', ('sh',), True, '', 10)),
        (ops.MODULE, (JOBS[0].values()[:-1], 10, None)),
        (ops.MODULE, (JOBS[1].values(), '10', None)),
        (ops.MODULE, ({'kind': 'source'}, 10, None)),
        ('format the disk', ()),
        (7, ()),
    ],
)
def test_nothing_else_does(operation: Any, values: Any) -> None:
    with pytest.raises(DecodeError):
        requests.decoded(operation, values)


def test_one_does_not_show_what_it_holds() -> None:
    assert 'secret' not in repr(requests.ChildInput(1, b'secret'))
