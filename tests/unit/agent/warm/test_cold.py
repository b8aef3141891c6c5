"""The program that a job's own interpreter is given."""

import ast

import pytest

from svcfw.agent.warm import cold
from tests.support.jobs import module_job


def keywords(secrets: list[str] | None) -> dict[str, object]:
    """What the program hands to core's own way of running a module."""
    job = module_job(format='v2', fqn='ansible.modules.ping', profile='modern', secrets=secrets)
    program = ast.parse(cold._program(job, '/tmp/payload.zip'))
    (call,) = (node for node in ast.walk(program) if isinstance(node, ast.Call) and 'run_module' in ast.dump(node.func))
    return {str(each.arg): ast.unparse(each.value) for each in call.keywords}


@pytest.mark.parametrize(
    ('secrets', 'handed'),
    [(None, None), ([], 'frozenset([])'), (["it's {x}"], 'frozenset(["it\'s {x}"])')],
)
def test_secrets_are_handed_over_where_core_does_it(secrets: list[str] | None, handed: str | None) -> None:
    found = keywords(secrets)
    assert found.get('secrets') == handed
    assert found.keys() - {'secrets'} == {'json_params', 'profile', 'module_fqn', 'modlib_path', 'extensions'}
