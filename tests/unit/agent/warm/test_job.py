"""Jobs as declared types: what was sent arrives as what it was, and nothing else does."""

from typing import Any

import pytest

from svcfw.agent.warm import job as module
from svcfw.agent.warm.job import Condition, ModuleJob, SourceJob
from svcfw.core.wire.codec import Codec
from tests.support.jobs import module_job, source_job

CONDITION = Condition('/etc/motd', True, 7, '0' * 40)
WHOLE = module_job(
    format='v2', profile='modern', secrets=['a'], rlimit_nofile=9, env={'A': 'b'}, can_rehearse=True, may_reuse=True,
    may_preimport=True, condition=CONDITION,
)  # fmt: skip


@pytest.mark.parametrize('job', [WHOLE, module_job(), source_job('pass')])
def test_what_is_sent_arrives(job: Any) -> None:
    codec = Codec()
    found = module.decoded(codec.decode(codec.encode(job.values())))
    assert type(found) is type(job)
    assert found.values() == job.values()
    assert not hasattr(found, '__dict__')


def test_each_value_has_its_name() -> None:
    found = module.decoded(WHOLE.values())
    for name in ModuleJob.fields:
        if name != 'condition':
            assert getattr(found, name) == getattr(WHOLE, name), name
    assert isinstance(found.condition, Condition)
    assert found.condition.values() == ('/etc/motd', True, 7, '0' * 40)


def test_a_source_has_nothing_of_a_module() -> None:
    job = module.decoded(source_job('pass').values())
    assert isinstance(job, SourceJob)
    assert (job.can_rehearse, job.may_reuse, job.condition, job.rlimit_nofile) == (False, False, None, 0)
    assert (tuple(job.members), job.member_list) == ((), None)


@pytest.mark.parametrize('kind', [ModuleJob, SourceJob, Condition])
def test_each_field_has_a_type(kind: Any) -> None:
    assert len(kind.types) == len(getattr(kind, 'fields', kind.__slots__))


@pytest.mark.parametrize(
    'values',
    [
        (),
        ('program', ['python'], {}),
        (['module'], ['python'], {}),
        source_job('').values()[:-1],
        (*source_job('').values(), None),
        ('source', ['python'], {}, 'text'),
        (*module_job().values()[:-1], {'path': '/x'}),
        (*module_job().values()[:-1], ('/x', True, 1)),
        (*module_job().values()[:-1], ('/x', True, '1', 'digits')),
    ],
)
def test_nothing_else_does(values: Any) -> None:
    with pytest.raises(ValueError, match='job'):
        module.decoded(values)


def test_one_does_not_show_what_it_holds() -> None:
    assert 'secret' not in repr(module_job(params=b'secret', secrets=['secret']))
