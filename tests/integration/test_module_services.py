"""Modules call services of the controller: what may be called, who is told to call, what faults do."""

from pathlib import Path

import pytest

from tests.support.ansible import Controller, Run, connection_vars, copy_playbook
from tests.support.hosts import Farm, Host

EXAMPLE = Path(__file__).resolve().parents[2] / 'examples' / 'licences'


def svcfw(host: Host, user: str = 'plain', **variables: object) -> dict[str, object]:
    """Inventory variables of `host` over svcfw."""
    return {**host.inventory_vars(user), **connection_vars('svcfw-ssh'), **variables}


@pytest.fixture
def host(farm: Farm) -> Host:
    return farm.host('target')


def test_the_example_shares_three_licences(controller: Controller, farm: Farm, tmp_path: Path) -> None:
    folder = copy_playbook(EXAMPLE, tmp_path / 'licences')
    hosts = {f'h{i}': farm.host(f'h{i}') for i in range(5)}
    run = controller.run(folder / 'site.yml', {name: svcfw(host) for name, host in hosts.items()})
    taken = run.results('Take a licence')
    got = [event['result'] for event in taken if event['kind'] == 'ok']
    refused = [event['result'] for event in taken if event['kind'] == 'failed']
    assert sorted(result['key'] for result in got) == [0, 1, 2], run.output
    for result in got:
        assert hosts[result['host']].path('/tmp/app.txt').read_text() == 'the application\n'
    assert len(refused) == 2
    for result in refused:
        assert 'licences.Licences.checkout: LookupError: no licence for editor is left' in result['msg']
    assert run.output.count('licences.Licences: h') == 3
